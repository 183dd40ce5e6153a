//! The body of an answer as it arrives.

use reqwest::header::{CONTENT_RANGE, HeaderMap};
use reqwest::{Response, Url};
use tokio::time::{Instant, timeout_at};

use super::TransferError;
use super::session::{Session, connection};

/// Hands out a body piece by piece, and gives up on one that trickles: within every span of
/// `stall_timeout` it must bring `stall_bytes`, or end.
pub(super) struct Body<'s> {
    session: &'s Session,
    response: Response,
    url: Url,
    /// What arrived and was not asked for yet.
    pending: Vec<u8>,
    window_end: Instant,
    n_in_window: u64,
}

impl<'s> Body<'s> {
    pub(super) fn new(session: &'s Session, response: Response) -> Self {
        let url = response.url().clone();
        let window_end = Instant::now() + session.options.stall_timeout;
        Self { session, response, url, pending: Vec::new(), window_end, n_in_window: 0 }
    }

    /// The next bytes, at most `limit` of them; empty at the end.
    pub(super) async fn next(&mut self, limit: u64) -> Result<Vec<u8>, TransferError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.pending.is_empty() {
            match timeout_at(self.window_end, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => self.pending = chunk.to_vec(),
                Ok(Ok(None)) => return Ok(Vec::new()),
                Ok(Err(source)) => return Err(connection(&self.url, source)),
                Err(_) => return Err(self.session.stalled(&self.url)),
            }
            self.count(self.pending.len() as u64);
        }
        let rest = self.pending.split_off(self.pending.len().min(limit));
        Ok(std::mem::replace(&mut self.pending, rest))
    }

    /// A window ends when it has brought enough: then the next begins.
    fn count(&mut self, n_bytes: u64) {
        self.n_in_window += n_bytes;
        if self.n_in_window >= self.session.options.stall_bytes {
            self.n_in_window = 0;
            self.window_end = Instant::now() + self.session.options.stall_timeout;
        }
    }

    /// Whether bytes have arrived that nobody asked for.
    pub(super) fn has_more(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// `bytes <first>-<last>/<total>`: the first, the one past the last, and the total if it is known.
pub(super) fn content_range(headers: &HeaderMap) -> Option<(u64, u64, Option<u64>)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        number => Some(number.parse().ok()?),
    };
    let end = last.parse::<u64>().ok()?.checked_add(1)?;
    Some((first.parse().ok()?, end, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_strictly() {
        let range = |text: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, text.parse().unwrap())]);
            content_range(&headers)
        };
        assert_eq!(range("bytes 0-9/10"), Some((0, 10, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, 10, None)));
        for text in [
            "",
            "bytes */10",
            "bytes 0-/10",
            "0-9/10",
            "bytes 0-18446744073709551615/1",
            "bytes a-b/c",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
