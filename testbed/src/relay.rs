//! A relay of bytes between a client and a server, which can be held back, cut, and turned to another server. It
//! understands nothing of what it passes on, so TLS goes through it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::error::Error;

/// A running relay. Dropping it cuts every connection and ends it.
///
/// It belongs to the async runtime that started it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    target: SocketAddr,
    /// Nothing that the server says is passed on, but everything that it is told.
    held: bool,
    /// Counts the cuts: a connection of an earlier one ends.
    cuts: u64,
}

impl Relay {
    /// Starts one on a free port, in front of `target`, which is an address or a URL without a path.
    pub async fn start(target: &str) -> Result<Self, Error> {
        let target = address(target)?;
        let failed = |source| Error::Spawn { name: "relay".to_owned(), source };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let state = watch::Sender::new(State { target, held: false, cuts: 0 });
        tokio::spawn(accept(listener, state.subscribe()));
        Ok(Self { address, state })
    }

    /// Where it listens, such as `127.0.0.1:41234`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing that the server says reaches anybody, though it hears everything.
    pub fn hold(&self) {
        self.state.send_modify(|state| state.held = true);
    }

    /// Passes on what was held back, and everything from now on.
    pub fn release(&self) {
        self.state.send_modify(|state| state.held = false);
    }

    /// Ends every connection. Whoever comes again is served.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Ends every connection and leads whoever comes again to another server.
    pub fn turn_to(&self, target: &str) -> Result<(), Error> {
        let target = address(target)?;
        self.state.send_modify(|state| (state.target, state.cuts) = (target, state.cuts + 1));
        Ok(())
    }
}

fn address(target: &str) -> Result<SocketAddr, Error> {
    let address = target.split_once("://").map_or(target, |(_, address)| address);
    address.parse().map_err(|_| Error::BadAddress { address: target.to_owned() })
}

/// Serves until the relay is dropped.
async fn accept(listener: TcpListener, mut state: watch::Receiver<State>) {
    let told = state.clone();
    let serving = async {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, told.clone()));
        }
    };
    tokio::select! {
        () = serving => {}
        _ = state.wait_for(|_| false) => {}
    }
}

async fn pass(client: TcpStream, mut state: watch::Receiver<State>) {
    let State { target, cuts, .. } = *state.borrow();
    let held = state.clone();
    let passing = async {
        let Ok(server) = TcpStream::connect(target).await else { return };
        // Small pieces, as of a handshake, are not to wait for one another.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::join!(copy(from_client, to_server, None), copy(from_server, to_client, Some(held)));
    };
    tokio::select! {
        () = passing => {}
        // A relay that is gone has cut them all.
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Copies bytes one way, waiting before each piece while they are held.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: Option<watch::Receiver<State>>) {
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        if let Some(state) = &mut held
            && state.wait_for(|state| !state.held).await.is_err()
        {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// Greets whoever comes with its name, then says what it is told.
    async fn server(name: &'static str) -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    stream.write_all(format!("{name}\n").as_bytes()).await?;
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        Ok(address)
    }

    #[tokio::test]
    async fn it_passes_holds_cuts_and_turns() -> Result<(), Box<dyn std::error::Error>> {
        let (one, two) = (server("one").await?, server("two").await?);
        let relay = Relay::start(&format!("http://{one}")).await?;
        assert!(Relay::start("nowhere").await.is_err());
        let connect = async || TcpStream::connect(relay.address()).await.map(BufReader::new);
        let line = async |stream: &mut BufReader<TcpStream>| {
            let mut line = String::new();
            stream.read_line(&mut line).await.map(|_| line)
        };
        let mut stream = connect().await?;
        assert_eq!(line(&mut stream).await?, "one\n");

        relay.hold();
        stream.write_all(b"said\n").await?;
        let brief = std::time::Duration::from_millis(100);
        assert!(tokio::time::timeout(brief, line(&mut stream)).await.is_err(), "it is held");
        relay.release();
        assert_eq!(line(&mut stream).await?, "said\n");

        relay.cut();
        assert_eq!(line(&mut stream).await.unwrap_or_default(), "");
        assert_eq!(line(&mut connect().await?).await?, "one\n");
        relay.turn_to(&two)?;
        let mut stream = connect().await?;
        assert_eq!(line(&mut stream).await?, "two\n");
        let address = relay.address();
        drop(relay);
        assert_eq!(line(&mut stream).await.unwrap_or_default(), "");
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
