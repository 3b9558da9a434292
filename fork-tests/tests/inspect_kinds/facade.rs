//! A node that stands before a real one, and answers some calls in another way: it refuses state as pruned
//! nodes do, or logs, or lies.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

/// What the real node answers.
pub type Upstream<'a> = &'a dyn Fn(&Value) -> Value;

/// Serves `upstream` on the port it returns, but refuses calls whose parameters mention any of `refused`
/// in a method of `methods`.
pub fn refusing(upstream: u16, methods: &'static [&'static str], refused: Vec<String>) -> u16 {
    before(upstream, move |call, upstream| {
        let parameters = call["params"].to_string().to_lowercase();
        let method = call["method"].as_str().unwrap();
        if methods.contains(&method) && refused.iter().any(|part| parameters.contains(part)) {
            return refusal(call, "missing trie node (state not available)");
        }
        upstream(call)
    })
}

/// What a node says that does not answer `call`.
pub fn refusal(call: &Value, why: &str) -> Value {
    let error = json!({"code": -32000, "message": why});
    json!({"jsonrpc": "2.0", "id": call["id"], "error": error})
}

/// Serves on the port it returns whatever `answer` makes of each call and the real node at `upstream`. The
/// thread ends with the test's process.
pub fn before(
    upstream: u16,
    answer: impl Fn(&Value, Upstream<'_>) -> Value + Clone + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                let ask = |call: &Value| ask(upstream, call);
                while let Some(body) = body(&mut reader) {
                    let request: Value = serde_json::from_slice(&body).unwrap();
                    let answer = match request {
                        Value::Array(calls) => {
                            calls.iter().map(|call| answer(call, &ask)).collect()
                        }
                        call => answer(&call, &ask),
                    };
                    reply(&mut stream, &answer.to_string());
                }
            });
        }
    });
    port
}

fn ask(upstream: u16, call: &Value) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
    let text = call.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
    .unwrap();
    serde_json::from_slice(&body(&mut BufReader::new(stream)).unwrap()).unwrap()
}

/// The body of the next message; `None` at the end of the connection.
fn body(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(body)
}

fn reply(stream: &mut TcpStream, text: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    );
}
