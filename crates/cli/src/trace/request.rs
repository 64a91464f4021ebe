//! The requests of a trace: how they are written on the command line, and how they are sent. Nothing is followed or tried
//! again.

use std::{
    fs,
    net::SocketAddr,
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::printable::printable;

/// A request to the traced server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// With its query; begins with `/`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answered {
    /// Which of the requests.
    pub(crate) index: usize,
    /// When it was sent, in seconds since 1970.
    pub(crate) started: f64,
    /// When the whole answer was there, or none was to come.
    pub(crate) ended: f64,
    /// The status, or why there is none.
    pub(crate) status: Result<u16, String>,
}

/// Why a request on the command line cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// There is no path, or it does not begin with `/`.
    #[error("a request is `METHOD PATH` or `PATH`, with a path that begins with `/`, as in `POST /api/x {{\"a\":1}}`")]
    Path,
    /// The path holds what a URL cannot.
    #[error("the path `{0}` holds a character that has to be percent-encoded")]
    Character(String),
    /// A line below the first that is not a header.
    #[error("`{0}` is not a header; lines below the first are headers as `name: value`, up to an empty line")]
    Header(String),
    /// The file after `@` cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    File(String, String),
}

impl Request {
    /// What is sent when nothing is asked for.
    pub(crate) fn root() -> Self {
        Self { method: "GET".to_owned(), path: "/".to_owned(), headers: Vec::new(), body: String::new() }
    }

    /// Reads `[METHOD] PATH [BODY]`, a whole message in the form of HTTP, or `@FILE` with one of the two in it.
    ///
    /// # Errors
    /// As [`RequestError`] says.
    pub(crate) fn from_argument(argument: &str) -> Result<Self, RequestError> {
        match argument.strip_prefix('@') {
            None => Self::parse(argument),
            Some(file) => {
                let read = fs::read_to_string(file);
                Self::parse(&read.map_err(|error| RequestError::File(file.to_owned(), error.to_string()))?)
            }
        }
    }

    fn parse(text: &str) -> Result<Self, RequestError> {
        let text = text.trim_start();
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let (method, target) = method_and_target(first.trim());
        let (path, inline) = target.split_once(char::is_whitespace).unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(RequestError::Path);
        }
        if path.chars().any(|character| !character.is_ascii_graphic()) {
            return Err(RequestError::Character(printable(path)));
        }
        // A message in the form of HTTP may name its version.
        let inline = if inline.trim().starts_with("HTTP/1.") { "" } else { inline.trim() };
        let (mut headers, below) =
            if inline.is_empty() { headers_and_body(rest)? } else { (Vec::new(), rest.to_owned()) };
        let body = if inline.is_empty() { below } else { format!("{inline}\n{below}").trim_end().to_owned() };
        let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        if !body.is_empty() && !named {
            let is_json = serde_json::from_str::<serde_json::Value>(&body).is_ok();
            let kind = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), headers, body })
    }

    /// As it is shown: method and path.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The same with the headers by which its trace is known. A sampled trace is continued, whatever part of the traces
    /// that begin in the server is kept.
    pub(crate) fn traced(&self, trace_id: &str) -> Self {
        let mut traced = self.clone();
        let given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let own = [
            ("sentry-trace", format!("{trace_id}-{PARENT}-1")),
            ("user-agent", concat!("presentry/", env!("CARGO_PKG_VERSION")).to_owned()),
            ("accept", "*/*".to_owned()),
        ];
        traced
            .headers
            .extend(own.into_iter().filter(|(name, _)| !given(name)).map(|(name, value)| (name.into(), value)));
        traced
    }
}

/// The span that the root spans of the server are below; no such span exists.
const PARENT: &str = "5e2e57a57ed00001";

/// The method is a word in capitals before the path; without one it is `GET`.
fn method_and_target(line: &str) -> (&str, &str) {
    match line.split_once(char::is_whitespace) {
        Some((method, target)) if method.bytes().all(|byte| byte.is_ascii_uppercase()) => (method, target.trim()),
        _ => ("GET", line),
    }
}

type Headers = Vec<(String, String)>;

fn headers_and_body(text: &str) -> Result<(Headers, String), RequestError> {
    let mut headers = Headers::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() {
            return Ok((headers, after.trim_end().to_owned()));
        }
        let header = line.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
        let header =
            header.filter(|(name, value)| is_token(name) && value.chars().all(|c| c == '\t' || !c.is_control()));
        let (name, value) = header.ok_or_else(|| RequestError::Header(printable(line)))?;
        headers.push((name.to_owned(), value.to_owned()));
        rest = after;
    }
    Ok((headers, String::new()))
}

/// Whether a name is a token of RFC 9110.
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Sends requests one after another from a thread of its own, so that whoever waits can stop waiting.
pub(crate) fn send(requests: Vec<Request>, to: SocketAddr, patience: Duration) -> Receiver<Answered> {
    let (answered, answers) = mpsc::channel();
    thread::spawn(move || {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            // The variables of the shell may name a proxy, and the server is on this machine.
            .proxy(None)
            .timeout_global(Some(patience));
        let agent: ureq::Agent = config.build().into();
        for (index, request) in requests.iter().enumerate() {
            let started = now();
            let status = send_one(&agent, request, to);
            if answered.send(Answered { index, started, ended: now(), status }).is_err() {
                break;
            }
        }
    });
    answers
}

fn send_one(agent: &ureq::Agent, request: &Request, to: SocketAddr) -> Result<u16, String> {
    let mut message = ureq::http::Request::builder().method(request.method.as_str());
    message = message.uri(format!("http://{to}{}", request.path));
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let sent = if request.body.is_empty() {
        agent.run(message.body(()).map_err(|error| error.to_string())?)
    } else {
        agent.run(message.body(request.body.as_str()).map_err(|error| error.to_string())?)
    };
    let mut answer = sent.map_err(|error| error.to_string())?;
    // The span of a request ends with its answer.
    let body = answer.body_mut().as_reader();
    std::io::copy(&mut std::io::Read::take(body, LIMIT), &mut std::io::sink()).map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
}

/// How much of an answer is read.
const LIMIT: u64 = 64 << 20;

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(argument: &str, expected: Expect) {
        let shown = match Request::from_argument(argument) {
            Ok(Request { method, path, headers, body }) => format!("{method} {path} {headers:?} {body:?}"),
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn one_line_is_enough() {
        check("/", expect!["GET / [] \"\""]);
        check("  GET /a?b=c%20d ", expect!["GET /a?b=c%20d [] \"\""]);
        check(
            "POST /api/graphql {\"query\": \"{ hello }\"}",
            expect![[r#"POST /api/graphql [("content-type", "application/json")] "{\"query\": \"{ hello }\"}""#]],
        );
        check("PUT /a some words", expect![[r#"PUT /a [("content-type", "text/plain; charset=utf-8")] "some words""#]]);
    }

    #[test]
    fn a_message_in_the_form_of_http() {
        check(
            "POST /a HTTP/1.1\r\nContent-Type: text/csv\r\nX-Empty:\r\n\r\na,b\nc,d\n",
            expect![[r#"POST /a [("Content-Type", "text/csv"), ("X-Empty", "")] "a,b\nc,d""#]],
        );
        check("/a\nauthorization: Bearer x", expect![[r#"GET /a [("authorization", "Bearer x")] """#]]);
    }

    #[test]
    fn what_cannot_be_sent_is_an_error() {
        let form = "error: a request is `METHOD PATH` or `PATH`, with a path that begins with `/`, as in `POST /api/x {\"a\":1}`";
        for wrong in ["", "GET", "GET api", "http://elsewhere/", "get /"] {
            assert_eq!(Request::from_argument(wrong).map_err(|error| format!("error: {error}")), Err(form.to_owned()));
        }
        check("/grün", expect!["error: the path `/grün` holds a character that has to be percent-encoded"]);
        check(
            "/\nno header\n",
            expect![
                "error: `no header` is not a header; lines below the first are headers as `name: value`, up to an empty line"
            ],
        );
        check(
            "/\nx: a\u{1b}[0m",
            expect![[
                r#"error: `x: a\u{1b}[0m` is not a header; lines below the first are headers as `name: value`, up to an empty line"#
            ]],
        );
        assert!(matches!(Request::from_argument("@/no/such/file"), Err(RequestError::File(..))));
    }

    #[test]
    fn a_traced_request_keeps_what_was_given() {
        let request = Request::from_argument("/a\nAccept: text/html").unwrap().traced("0123");
        let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["Accept", "sentry-trace", "user-agent"]);
        assert!(request.headers[1].1.starts_with("0123-"));
    }
}
