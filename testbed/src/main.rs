//! The command line: a control plane around a command, or one that stays until it is taken down.
//! What a control plane is, is the library's business.
#![forbid(unsafe_code)]

mod args;
mod run;
mod supervise;

use std::process::ExitCode;

use args::Job;

/// An error that ends the program, to be shown to whoever started it.
type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect();
    let done = match args::parse(arguments) {
        Ok(Job::Run { options, command }) => run::run(options, &command).await,
        Ok(Job::Up { folder, flags }) => supervise::up(&folder, &flags).await,
        Ok(Job::Serve { folder, options }) => supervise::serve(&folder, options).await,
        Ok(Job::Down { folder }) => supervise::down(&folder).await,
        Ok(Job::UserKubeconfig { folder, user }) => show(testbed::user_kubeconfig(&folder, &user)),
        Ok(Job::TokenKubeconfig { folder, name, token }) => {
            show(testbed::token_kubeconfig(&folder, &name, &token))
        }
        Ok(Job::Help) => {
            print!("{}", args::USAGE);
            Ok(ExitCode::SUCCESS)
        }
        Err(problem) => {
            eprintln!("testbed: {problem}\n\n{}", args::USAGE.trim_end());
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|failure| {
        eprintln!("testbed: {failure}");
        ExitCode::FAILURE
    })
}

fn show(kubeconfig: Result<std::path::PathBuf, testbed::Error>) -> Result<ExitCode, Failure> {
    println!("{}", kubeconfig?.display());
    Ok(ExitCode::SUCCESS)
}
