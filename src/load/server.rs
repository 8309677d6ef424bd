//! The server seen from outside: its processor time, memory and counters.

use http::Method;

use super::LoadError;
use super::http::{Http, Target};

/// What the server had used and done at one moment.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Sample {
    /// Seconds of processor time.
    pub(super) cpu: f64,
    /// Resident octets.
    pub(super) memory: f64,
    /// System calls for sending, and datagrams in them; `None` where /metrics does not tell.
    pub(super) sends: Option<f64>,
    pub(super) datagrams: Option<f64>,
}

/// Where samples come from.
pub(super) struct Watch {
    target: Target,
    pid: Option<i32>,
}

impl Watch {
    /// # Errors
    ///
    /// When there is no process `pid`.
    pub(super) fn new(target: &Target, pid: Option<i32>) -> Result<Watch, LoadError> {
        let watch = Watch { target: target.clone(), pid };
        if let Some(pid) = pid {
            of_process(pid)?;
        }
        Ok(watch)
    }

    /// `None` when the server tells nothing and no process was named.
    pub(super) async fn sample(&self) -> Option<Sample> {
        let text = match Http::open(&self.target, None).await {
            Ok(mut http) => http.ask(Method::GET, "/metrics", String::new()).await.ok(),
            Err(_) => None,
        };
        let told = text.as_deref().and_then(read);
        match self.pid.map(of_process) {
            Some(Ok((cpu, memory))) => Some(Sample { cpu, memory, ..told.unwrap_or_default() }),
            Some(Err(_)) => None,
            None => told,
        }
    }
}

/// Reads what matters in Prometheus' text.
fn read(text: &str) -> Option<Sample> {
    let sum = |name: &str| {
        let mut found = None;
        for line in text.lines().filter(|line| line.starts_with(name)) {
            // `name` may be the beginning of a longer one.
            let rest = line.get(name.len()..).filter(|rest| rest.starts_with([' ', '{']));
            let value = rest.and_then(|rest| rest.rsplit(' ').next()).and_then(|value| value.parse::<f64>().ok());
            found = value.map(|value| found.unwrap_or(0.0) + value).or(found);
        }
        found
    };
    Some(Sample {
        cpu: sum("process_cpu_seconds_total")?,
        memory: sum("process_resident_memory_bytes")?,
        sends: sum("plenum_udp_datagrams_per_send_count"),
        datagrams: sum("plenum_udp_datagrams_per_send_sum"),
    })
}

#[cfg(target_os = "linux")]
fn of_process(pid: i32) -> Result<(f64, f64), LoadError> {
    let stat = procfs::process::Process::new(pid).and_then(|process| process.stat());
    let stat = stat.map_err(|error| LoadError::NoProcess(format!("cannot read process {pid}: {error}")))?;
    let cpu = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    Ok((cpu, (stat.rss * procfs::page_size()) as f64))
}

#[cfg(not(target_os = "linux"))]
fn of_process(_pid: i32) -> Result<(f64, f64), LoadError> {
    Err(LoadError::NoProcess("processes can be read on Linux only".to_owned()))
}

/// Processor time of this process, in seconds.
pub(super) fn own_cpu() -> Option<f64> {
    of_process(i32::try_from(std::process::id()).ok()?).ok().map(|(cpu, _)| cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_counters_are_found_in_its_metrics() {
        let text = "# HELP process_cpu_seconds_total x\nprocess_cpu_seconds_total 1.5\n\
                    process_resident_memory_bytes 1e+06\nprocess_resident_memory_bytes_peak 7\n\
                    plenum_udp_datagrams_per_send_sum{shard=\"0\"} 4\n\
                    plenum_udp_datagrams_per_send_sum{shard=\"1\"} 2\n\
                    plenum_udp_datagrams_per_send_count{shard=\"0\"} 2\nplenum_udp_datagrams_per_send_count{shard=\"1\"} 3\n";
        let sample = read(text).unwrap();
        assert_eq!((sample.cpu, sample.memory), (1.5, 1e6));
        assert_eq!((sample.sends, sample.datagrams), (Some(5.0), Some(6.0)));
    }
}
