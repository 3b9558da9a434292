//! A node that refuses some state, as pruned nodes do: it stands before a real one.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
};

/// Serves `upstream` on the port it returns, but refuses calls whose parameters mention any of `refused`
/// in a method of `methods`. The thread ends with the test's process.
pub fn refusing(upstream: u16, methods: &'static [&'static str], refused: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let refused = refused.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                while let Some(body) = body(&mut reader) {
                    let request: Value = serde_json::from_slice(&body).unwrap();
                    let answer = match request {
                        Value::Array(calls) => calls
                            .into_iter()
                            .map(|call| answer(upstream, methods, &refused, call))
                            .collect(),
                        call => answer(upstream, methods, &refused, call),
                    };
                    reply(&mut stream, &answer.to_string());
                }
            });
        }
    });
    port
}

fn answer(upstream: u16, methods: &[&str], refused: &[String], call: Value) -> Value {
    let parameters = call["params"].to_string().to_lowercase();
    let method = call["method"].as_str().unwrap();
    if methods.contains(&method) && refused.iter().any(|part| parameters.contains(part)) {
        let error = json!({"code": -32000, "message": "missing trie node (state not available)"});
        return json!({"jsonrpc": "2.0", "id": call["id"], "error": error});
    }
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
