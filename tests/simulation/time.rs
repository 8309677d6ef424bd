//! Virtual time: microseconds since the beginning of a run.

/// A moment of a run, or a stretch of it, in microseconds.
pub type Us = u64;

pub const MS: Us = 1_000;
pub const SECOND: Us = 1_000 * MS;

/// 2026-01-01 in NTP seconds (RFC 3550 §4): when every run begins.
pub const NTP_START: u64 = 3_976_214_400;

/// `us` microseconds after `NTP_START`, as 32.32 fixed point.
pub fn ntp(us: u64) -> u64 {
    let fraction = ((us % SECOND) << 32).div_ceil(SECOND);
    ((NTP_START + us / SECOND) << 32) + fraction
}

/// The time between the middle 32 bits of two NTP timestamps, in microseconds.
pub fn short_ntp_us(units: u32) -> Us {
    (u64::from(units) * SECOND) >> 16
}
