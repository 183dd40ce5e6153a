//! Requests for which there is no route: 404, 405, and paths that are almost right.
//!
//! A path with a slash too many, with `.` or `..` in it, is redirected when cleaning it leads to a
//! route; a redirect to anywhere else would only postpone the 404.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// The paths of all routes; `{name}` stands for any one segment.
#[derive(Clone, Default)]
pub(crate) struct KnownPaths(Arc<Vec<&'static str>>);

impl FromIterator<&'static str> for KnownPaths {
    fn from_iter<I: IntoIterator<Item = &'static str>>(paths: I) -> Self {
        Self(Arc::new(paths.into_iter().collect()))
    }
}

impl KnownPaths {
    fn contains(&self, path: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, path))
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let is_param = |segment: &str| segment.starts_with('{');
    pattern.split('/').count() == path.split('/').count()
        && pattern.split('/').zip(path.split('/')).all(|(pattern, segment)| {
            pattern == segment || (is_param(pattern) && !segment.is_empty())
        })
}

/// No route has this path.
pub(crate) async fn unknown_path(State(known): State<KnownPaths>, request: Request) -> Response {
    let path = request.uri().path();
    let clean = clean(path);
    if clean != path && known.contains(&clean) {
        return redirect(request.method(), &clean, request.uri().query());
    }
    plain_text(StatusCode::NOT_FOUND, "404 page not found")
}

/// A route has this path, but not this method.
pub(crate) async fn wrong_method() -> Response {
    plain_text(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed")
}

fn plain_text(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// `path` without empty segments, `.` and `..`.
fn clean(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

fn redirect(method: &Method, path: &str, query: Option<&str>) -> Response {
    let location = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let location_header = HeaderValue::from_str(&location)
        .expect("because the parts of a parsed URL have no control characters");
    let mut response = match *method == Method::GET {
        true => {
            let page = format!("<a href=\"{}\">Moved Permanently</a>.\n\n", escape(&location));
            let html = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
            (StatusCode::MOVED_PERMANENTLY, html, page).into_response()
        }
        // Other methods must be repeated as they are, body and all.
        false => StatusCode::TEMPORARY_REDIRECT.into_response(),
    };
    response.headers_mut().insert(header::LOCATION, location_header);
    response
}

/// `text` for an attribute of HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned() {
        let cases = [
            ("/", "/"),
            ("//", "/"),
            ("/api/tags/", "/api/tags"),
            ("//api//tags", "/api/tags"),
            ("/api/./x/../tags", "/api/tags"),
            ("/../../api/tags", "/api/tags"),
            ("/api/tags", "/api/tags"),
        ];
        for (path, want) in cases {
            assert_eq!(clean(path), want);
        }
    }

    #[test]
    fn patterns_match_whole_segments() {
        let known = KnownPaths::from_iter(["/", "/api/tags", "/v1/models/{model}"]);
        for path in ["/", "/api/tags", "/v1/models/tiny"] {
            assert!(known.contains(path), "{path}");
        }
        for path in ["/api", "/api/tags/x", "/v1/models/", "/v1/models/a/b", ""] {
            assert!(!known.contains(path), "{path}");
        }
    }

    #[test]
    fn a_redirect_page_holds_no_markup_from_outside() {
        assert_eq!(escape(r#"/x?a='"<b>&"#), "/x?a=&#39;&#34;&lt;b&gt;&amp;");
    }
}
