//! Waiting until a server serves. It starts none and ends none.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::process::Process;

/// Short, because tests wait for nothing else; a check costs the server almost nothing.
const PAUSE: Duration = Duration::from_millis(25);

/// Waits until `process` says so in its log. Unlike a look at its port, which another process may
/// have been faster to take, that is certain to be about this one.
pub(crate) async fn says(process: &Process, words: &str, within: Duration) -> Result<(), Error> {
    let check = async || Ok((!process.log()?.contains(words)).then(|| "starting".to_owned()));
    wait(process, within, check).await
}

/// Waits until the API server behind `client` is ready and has made the namespace `default`.
pub(crate) async fn serves(process: &Process, client: &kube::Client, within: Duration) -> Result<(), Error> {
    let check = async || {
        for path in ["/readyz", "/api/v1/namespaces/default"] {
            if let Err(problem) = get(client, path).await {
                return Ok(Some(format!("{path}: {problem}")));
            }
        }
        Ok(None)
    };
    wait(process, within, check).await
}

async fn get(client: &kube::Client, path: &str) -> Result<(), String> {
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(Duration::from_secs(2), client.request_text(request)).await;
    answer.map_err(|_| "no answer".to_owned())?.map(drop).map_err(|error| error.to_string())
}

/// Repeats `check` until it finds nothing amiss, the process ends or the time is over.
async fn wait(
    process: &Process,
    within: Duration,
    check: impl AsyncFn() -> Result<Option<String>, Error>,
) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        let Some(last) = check().await? else { return Ok(()) };
        let (name, log) = (process.name().to_owned(), process.log_path().to_owned());
        if let Some(code) = process.exit_code() {
            return Err(Error::DiedEarly { name, code, log, tail: process.log_tail() });
        }
        if start.elapsed() >= within {
            return Err(Error::NotReady { name, waited: within, last, log, tail: process.log_tail() });
        }
        tokio::time::sleep(PAUSE).await;
    }
}
