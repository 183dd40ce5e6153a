//! What is counted and measured while the server runs, and its text for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use camelid_api_types::ollama::Metrics;

/// Upper bounds of the buckets of durations, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// How often durations fell into which bucket.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// The last is for what is beyond all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < seconds);
        self.buckets[bucket].fetch_add(1, Relaxed);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros.fetch_add(micros, Relaxed);
    }

    fn write(&self, name: &str, help: &str, out: &mut String) {
        head(name, help, "histogram", out);
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            count += bucket.load(Relaxed);
            let _ = writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        count += self.buckets[BOUNDS.len()].load(Relaxed);
        let sum = Duration::from_micros(self.sum_micros.load(Relaxed)).as_secs_f64();
        let _ = writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum {sum}\n{name}_count {count}");
    }
}

/// Something of which there is a number at any time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// One more, until what is returned is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.0.fetch_add(1, Relaxed);
        Entered(Arc::clone(&self.0))
    }

    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One of what a [`Gauge`] counts.
#[derive(Debug)]
pub(crate) struct Entered(Arc<AtomicU64>);

impl Entered {
    /// One of another gauge from now on.
    pub(crate) fn become_one_of(&mut self, other: &Gauge) {
        *self = other.enter();
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A request as it is counted: its route, method and status.
type Kind = (String, String, u16);

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    requests: Mutex<BTreeMap<Kind, u64>>,
    /// Requests that are being answered.
    pub(crate) in_flight: Gauge,
    /// Generations that wait for their first token: for a model, for their turn, for their prompt.
    pub(crate) waiting: Gauge,
    /// Generations that have begun.
    pub(crate) generating: Gauge,
    /// From a request's arrival to its end.
    pub(crate) durations: Histogram,
    /// From a generation's beginning to its first part.
    pub(crate) first_part: Histogram,
    refused: AtomicU64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    dropped_tokens: AtomicU64,
    generated_tokens: AtomicU64,
    generations: AtomicU64,
}

/// What the service says of itself when it is asked for metrics.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Models that are loaded.
    pub(crate) n_models: u64,
    /// Bytes that they take.
    pub(crate) n_bytes: u64,
}

impl Meters {
    /// Counts a request that has its status.
    pub(crate) fn count_request(&self, route: &str, method: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route.to_owned(), method.to_owned(), status)).or_default() += 1;
    }

    /// Counts a generation that was refused because the queue is full.
    pub(crate) fn count_refusal(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// Counts what a generation took that has come to its end.
    pub(crate) fn count_generation(&self, metrics: &Metrics) {
        self.generations.fetch_add(1, Relaxed);
        self.prompt_tokens.fetch_add(metrics.prompt_eval_count, Relaxed);
        self.cached_tokens.fetch_add(metrics.prompt_cached_count, Relaxed);
        self.dropped_tokens.fetch_add(metrics.prompt_dropped_count, Relaxed);
        self.generated_tokens.fetch_add(metrics.eval_count, Relaxed);
    }

    /// All of it in Prometheus's text format.
    pub(crate) fn to_prometheus(&self, memory: Memory) -> String {
        let mut out = String::new();
        let name = "camelid_http_requests_total";
        head(name, "Requests by route, method and status.", "counter", &mut out);
        for ((route, method, status), n) in
            &*self.requests.lock().unwrap_or_else(PoisonError::into_inner)
        {
            let labels = format!("route=\"{route}\",method=\"{method}\",status=\"{status}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {n}");
        }
        let gauges = [
            ("http_requests_in_flight", "Requests being answered.", self.in_flight.get()),
            ("generations_waiting", "Generations without a first token.", self.waiting.get()),
            ("generations_running", "Generations with a first token.", self.generating.get()),
            ("loaded_models", "Models in memory.", memory.n_models),
            ("loaded_models_bytes", "Bytes that models in memory take.", memory.n_bytes),
        ];
        for (name, help, value) in gauges {
            simple(name, help, "gauge", value, &mut out);
        }
        let counters = [
            ("generations_total", "Generations that ended.", &self.generations),
            ("generations_refused_total", "Generations refused by a full queue.", &self.refused),
            ("prompt_tokens_total", "Tokens in prompts.", &self.prompt_tokens),
            ("prompt_tokens_cached_total", "Those found in the cache.", &self.cached_tokens),
            ("prompt_tokens_dropped_total", "Tokens cut from prompts.", &self.dropped_tokens),
            ("generated_tokens_total", "Tokens generated.", &self.generated_tokens),
        ];
        for (name, help, value) in counters {
            simple(name, help, "counter", value.load(Relaxed), &mut out);
        }
        let help = "From a request's arrival to its end.";
        self.durations.write("camelid_http_request_duration_seconds", help, &mut out);
        let help = "From a generation's beginning to its first part.";
        self.first_part.write("camelid_time_to_first_token_seconds", help, &mut out);
        out
    }
}

fn head(name: &str, help: &str, kind: &str, out: &mut String) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn simple(name: &str, help: &str, kind: &str, value: u64, out: &mut String) {
    let name = format!("camelid_{name}");
    head(&name, help, kind, out);
    let _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_told() {
        let meters = Meters::default();
        meters.count_request("/api/chat", "POST", 200);
        meters.count_request("/api/chat", "POST", 200);
        meters.count_generation(&Metrics {
            prompt_eval_count: 7,
            prompt_cached_count: 5,
            eval_count: 3,
            ..Metrics::default()
        });
        meters.first_part.observe(Duration::from_millis(20));
        meters.first_part.observe(Duration::from_secs(100));
        let waiting = meters.waiting.enter();
        drop(meters.generating.enter());
        let text = meters.to_prometheus(Memory { n_models: 1, n_bytes: 1000 });
        for line in [
            r#"camelid_http_requests_total{route="/api/chat",method="POST",status="200"} 2"#,
            "camelid_prompt_tokens_total 7",
            "camelid_prompt_tokens_cached_total 5",
            "camelid_generated_tokens_total 3",
            "camelid_generations_waiting 1",
            "camelid_generations_running 0",
            "camelid_loaded_models_bytes 1000",
            r#"camelid_time_to_first_token_seconds_bucket{le="0.01"} 0"#,
            r#"camelid_time_to_first_token_seconds_bucket{le="0.025"} 1"#,
            r#"camelid_time_to_first_token_seconds_bucket{le="+Inf"} 2"#,
            "camelid_time_to_first_token_seconds_sum 100.02",
            "camelid_time_to_first_token_seconds_count 2",
            "# TYPE camelid_time_to_first_token_seconds histogram",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
        drop(waiting);
    }
}
