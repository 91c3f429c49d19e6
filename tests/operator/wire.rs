//! Plain HTTP to a port of this machine: the operator's own, and etcd's. No TLS, no retries, no meaning.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;

/// How long an answer of one piece may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks for a path and gives the status and the body.
pub async fn get(address: &str, path: &str) -> io::Result<(u16, String)> {
    whole(send(address, "GET", path, "")).await
}

/// Posts JSON and gives the status and the body.
pub async fn post(address: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    whole(send(address, "POST", path, body)).await
}

/// Posts JSON and gives the lines of an answer that goes on for as long as the server likes.
pub async fn stream(address: &str, path: &str, body: &str) -> io::Result<Lines<BufReader<TcpStream>>> {
    let (status, answer) = send(address, "POST", path, body).await?;
    if status == 200 { Ok(answer.lines()) } else { Err(io::Error::other(format!("status {status}"))) }
}

async fn whole(
    answer: impl Future<Output = io::Result<(u16, BufReader<TcpStream>)>>,
) -> io::Result<(u16, String)> {
    let read = async {
        let (status, mut body) = answer.await?;
        let mut text = String::new();
        body.read_to_string(&mut text).await?;
        Ok((status, text))
    };
    tokio::time::timeout(PATIENCE, read).await?
}

async fn send(
    address: &str,
    method: &str,
    path: &str,
    body: &str,
) -> io::Result<(u16, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(address).await?;
    // HTTP/1.0 has no chunks: a body is what comes until the server closes, so lines can be read as they come.
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status in {line:?}")))?;
    while line.trim_end() != "" {
        line.clear();
        answer.read_line(&mut line).await?;
    }
    Ok((status, answer))
}
