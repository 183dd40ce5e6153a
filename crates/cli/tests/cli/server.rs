//! `camelid serve` as a process, and plain sockets to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
    thread::JoinHandle,
};

use serde_json::Value;

use crate::program::camelid;

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Option<JoinHandle<Vec<String>>>,
    /// Its address and port.
    pub(crate) authority: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(flags: &[&str]) -> Self {
        Self::run(&mut camelid(&[&["serve"], flags].concat()))
    }

    /// Runs a command that serves. The system chooses the port, which is read from the log.
    pub(crate) fn run(command: &mut Command) -> Self {
        let command = command.env("OLLAMA_HOST", "127.0.0.1:0").stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let mut lines = log.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("Listening on ")).unwrap();
        let (_, after) = line.split_once("Listening on ").unwrap();
        let authority = after.split_whitespace().next().unwrap().to_owned();
        // Keeps reading, so that the server never waits for somebody to empty the pipe.
        let log = Some(std::thread::spawn(move || lines.collect()));
        Self { child, log, authority }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.authority).unwrap()
    }

    /// Sends a request, whose answer is then to be read.
    pub(crate) fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = self.connect();
        let n = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {n}\r\n\r\n"
        );
        stream.write_all((head + body).as_bytes()).unwrap();
        stream
    }

    /// Tells it to end.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Ends it, and gives what it logged since it listened.
    pub(crate) fn log(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// The whole answer to a request.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut answer = String::new();
        self.send(method, path, body).read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The JSON objects of a streamed answer, whatever frames carry them.
pub(crate) fn parts(answer: &str) -> Vec<Value> {
    answer
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}
