//! How many threads are worth having.
//!
//! Arithmetic gains nothing from a second thread on a core, and loses badly when more threads
//! spin than the process may run: a container with a quota of two cores on a 90-core host must
//! get a team of two. The standard library knows affinity and cgroup quotas (v1 and v2); the
//! cores behind the CPU numbers are read from Linux's `/sys`.

use std::collections::BTreeSet;
use std::path::Path;
use std::thread;

/// Physical cores this process may use, at least 1.
pub(crate) fn available_cores() -> usize {
    let n_cpus = thread::available_parallelism().map_or(1, usize::from);
    match physical_cores(Path::new("/proc"), Path::new("/sys")) {
        Some(n_cores) => n_cpus.min(n_cores),
        None => n_cpus,
    }
}

/// Distinct cores among the CPUs this process is allowed on; `None` where Linux's files are not
/// there or say something else.
fn physical_cores(proc: &Path, sys: &Path) -> Option<usize> {
    let status = std::fs::read_to_string(proc.join("self/status")).ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cores = BTreeSet::new();
    for cpu in parse_cpu_list(allowed)? {
        let topology = sys.join(format!("devices/system/cpu/cpu{cpu}/topology"));
        let siblings = ["core_cpus_list", "thread_siblings_list"]
            .iter()
            .find_map(|name| std::fs::read_to_string(topology.join(name)).ok())?;
        cores.insert(parse_cpu_list(&siblings)?);
    }
    (!cores.is_empty()).then_some(cores.len())
}

/// Reads Linux's list notation, `0-3,8,10-11`.
fn parse_cpu_list(list: &str) -> Option<Vec<u32>> {
    /// More CPUs than any kernel is built for: a longer list is not one.
    const MAX_CPUS: u32 = 1 << 16;
    let mut cpus = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (first.parse().ok()?, last.parse::<u32>().ok()?);
        if last >= MAX_CPUS {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_lists_are_read() {
        assert_eq!(parse_cpu_list("0-2,7\n"), Some(vec![0, 1, 2, 7]));
        assert_eq!(parse_cpu_list("5"), Some(vec![5]));
        assert_eq!(parse_cpu_list("0-4294967295"), None);
        assert_eq!(parse_cpu_list("x"), None);
    }

    #[test]
    fn at_least_one_core_and_never_more_than_allowed() {
        let n_cores = available_cores();
        assert!(n_cores >= 1);
        assert!(n_cores <= thread::available_parallelism().map_or(1, usize::from));
    }
}
