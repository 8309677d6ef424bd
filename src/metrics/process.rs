//! The process itself, by the names that Prometheus' own clients use.

use prometheus::proto::MetricFamily;

use super::render::{counter, gauge};

/// Nothing where the system does not tell.
#[cfg(target_os = "linux")]
pub(super) fn families() -> Vec<MetricFamily> {
    use procfs::process::{LimitValue, Process};
    let Ok(process) = Process::myself() else { return Vec::new() };
    let Ok(stat) = process.stat() else { return Vec::new() };
    let ticks = procfs::ticks_per_second() as f64;
    let cpu = (stat.utime + stat.stime) as f64 / ticks;
    let mut families = vec![
        counter("process_cpu_seconds_total", "Processor time used, in user and system mode.", cpu),
        gauge("process_resident_memory_bytes", "Resident memory.", (stat.rss * procfs::page_size()) as f64),
        gauge("process_virtual_memory_bytes", "Virtual memory.", stat.vsize as f64),
        gauge("process_threads", "Threads.", stat.num_threads as f64),
    ];
    if let Ok(boot) = procfs::boot_time_secs() {
        let started = boot as f64 + stat.starttime as f64 / ticks;
        families.push(gauge("process_start_time_seconds", "Start, in seconds since 1970.", started));
    }
    if let Ok(open) = process.fd_count() {
        families.push(gauge("process_open_fds", "Open file descriptors.", open as f64));
    }
    if let Ok(limits) = process.limits()
        && let LimitValue::Value(most) = limits.max_open_files.soft_limit
    {
        families.push(gauge("process_max_fds", "Most file descriptors that may be open.", most as f64));
    }
    families
}

#[cfg(not(target_os = "linux"))]
pub(super) fn families() -> Vec<MetricFamily> {
    Vec::new()
}
