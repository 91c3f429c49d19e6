//! What the API server's answers mean to a writer: which are worth another try, and which outcome is unknown.

use kube::core::Status;
use std::time::Duration;

/// How long one call may take before its outcome counts as unknown.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Somebody wrote first; the watch brings what they wrote.
    #[error("somebody else wrote first")]
    Conflict,
    /// The server asks to come back later.
    #[error("the API server is overloaded; trying again after {retry_after:?}")]
    Overload {
        /// How long it asks to wait.
        retry_after: Duration,
    },
    /// The call may or may not have been carried out.
    #[error("the outcome of the call is unknown: {0}")]
    Unknown(String),
    /// The server will not do it as asked.
    #[error("the API server refused: {0}")]
    Refused(String),
    /// The object is not there.
    #[error("the object is gone")]
    Gone,
}

impl Failure {
    /// The class in a word, for metrics.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Overload { .. } => "overload",
            Self::Unknown(_) => "unknown",
            Self::Refused(_) => "refused",
            Self::Gone => "gone",
        }
    }
}

impl From<kube::Error> for Failure {
    fn from(error: kube::Error) -> Self {
        match &error {
            // By code: the reason is missing from answers of proxies.
            kube::Error::Api(status) => match status.code {
                404 => Self::Gone,
                409 => Self::Conflict,
                429 => Self::Overload { retry_after: retry_after(status) },
                400 | 401 | 403 | 405 | 413 | 415 | 422 => Self::Refused(status.message.clone()),
                _ => Self::Unknown(format!("{} {}", status.code, status.message)),
            },
            kube::Error::BuildRequest(_) => Self::Refused(error.to_string()),
            _ => Self::Unknown(with_sources(&error)),
        }
    }
}

/// An error in one line with what caused it, and what to do where the machine gave too little.
#[must_use]
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        if let Some(remedy) = cause.downcast_ref().and_then(remedy) {
            text = format!("{text}. {remedy}");
        }
        source = cause.source();
    }
    text
}

/// What to do where the machine gave too little.
#[must_use]
pub fn remedy(error: &std::io::Error) -> Option<&'static str> {
    // EMFILE and ENFILE, which the standard library has no names for.
    matches!(error.raw_os_error(), Some(23 | 24))
        .then_some("Raise the limit of open files (`ulimit -n`, LimitNOFILE) to 256 or more")
}

fn retry_after(status: &Status) -> Duration {
    let seconds = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    Duration::from_secs(u64::from(seconds).clamp(1, 60))
}

/// Bounds a call in time. What runs out of time may have been carried out.
pub async fn bounded<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(result) => result.map_err(Failure::from),
        Err(_) => Err(Failure::Unknown(format!("no answer within {CALL_TIMEOUT:?}"))),
    }
}
