//! Sizes, times and durations as people read them.

use std::time::{Duration, SystemTime};

/// What is further ahead than 20 years is for ever.
const A_LIFETIME: Duration = Duration::from_secs(20 * 365 * 86_400);

/// Bytes in decimal units: `5.8 MB`, `12 GB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "KB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| n >= *unit) else {
        return format!("{n} B");
    };
    let value = n as f64 / unit as f64;
    if value >= 10.0 || n.is_multiple_of(unit) {
        format!("{} {name}", n / unit)
    } else {
        format!("{value:.1} {name}")
    }
}

/// How long ago, or how far ahead: `2 days ago`, `4 minutes from now`.
pub(crate) fn relative(time: SystemTime, now: SystemTime) -> String {
    if time == SystemTime::UNIX_EPOCH {
        return "Never".to_owned();
    }
    match now.duration_since(time) {
        Ok(past) => format!("{} ago", words(past)),
        Err(ahead) if ahead.duration() > A_LIFETIME => "Forever".to_owned(),
        Err(ahead) => format!("{} from now", words(ahead.duration())),
    }
}

fn words(duration: Duration) -> String {
    const DAY: u64 = 24;
    let seconds = duration.as_secs();
    let minutes = seconds / 60;
    let hours = (duration.as_secs_f64() / 3600.0).round() as u64;
    match (seconds, minutes, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, ..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        _ if hours < 14 * DAY => format!("{} days", hours / DAY),
        _ if hours < 60 * DAY => format!("{} weeks", hours / DAY / 7),
        _ if hours < 730 * DAY => format!("{} months", hours / DAY / 30),
        _ => format!("{} years", hours / DAY / 365),
    }
}

/// A duration as Go prints it: `1m2.5s`, `12.345ms`, `850µs`.
pub(crate) fn duration(duration: Duration) -> String {
    let ns = duration.as_nanos();
    match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(ns, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(ns, 1_000_000)),
        _ => {
            let (seconds, rest) = (duration.as_secs(), ns % 60_000_000_000);
            let tail = format!("{}s", decimal(rest, 1_000_000_000));
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => tail,
                (0, m) => format!("{m}m{tail}"),
                (h, m) => format!("{h}h{m}m{tail}"),
            }
        }
    }
}

/// `n / unit` with all its decimals and no zeros behind them.
fn decimal(n: u128, unit: u128) -> String {
    let n_digits = unit.ilog10() as usize;
    let text = format!("{}.{:0n_digits$}", n / unit, n % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_a_decimal_below_ten() {
        for (n, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1 KB"),
            (1_024, "1.0 KB"),
            (1_500, "1.5 KB"),
            (999_999, "999 KB"),
            (5_827_936, "5.8 MB"),
            (1_999_999_999_999, "2.0 TB"),
        ] {
            assert_eq!(bytes(n), want);
        }
    }

    #[test]
    fn times_are_relative_to_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        for (seconds, want) in [
            (0, "Less than a second ago"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (100, "About a minute ago"),
            (3_599, "59 minutes ago"),
            (3_600, "About an hour ago"),
            (86_400, "24 hours ago"),
            (172_800, "2 days ago"),
            (20 * 86_400, "2 weeks ago"),
            (90 * 86_400, "3 months ago"),
            (800 * 86_400, "2 years ago"),
        ] {
            assert_eq!(relative(now - Duration::from_secs(seconds), now), want);
        }
        assert_eq!(relative(now + Duration::from_secs(240), now), "4 minutes from now");
        assert_eq!(relative(SystemTime::UNIX_EPOCH, now), "Never");
    }

    #[test]
    fn durations_are_as_go_prints_them() {
        for (ns, want) in [
            (0, "0s"),
            (15, "15ns"),
            (850_000, "850µs"),
            (12_345_000, "12.345ms"),
            (4_100_000_000, "4.1s"),
            (60_000_000_000, "1m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(ns)), want);
        }
    }
}
