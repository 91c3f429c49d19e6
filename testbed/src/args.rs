//! Reading the command line. Nothing is done here about what it asks for.

use std::path::PathBuf;

use testbed::{Options, User};

pub(crate) const USAGE: &str = "\
Usage: testbed run [FLAGS] [--] COMMAND [ARGS…]
           Start a control plane, run COMMAND with KUBECONFIG, TESTBED_DIR and a PATH that has
           kubectl, end the control plane, and exit as COMMAND did.
       testbed up [FLAGS] DIR
           Start a control plane that stays, with its files in DIR, and print its kubeconfig.
           What an earlier one stored in DIR is there again; its kubeconfigs are replaced.
       testbed down DIR
           End the control plane of DIR. Its files stay.
       testbed kubeconfig DIR USER
           Print the kubeconfig of a user named by --user, or of `admin`.
       testbed kubeconfig DIR --token TOKEN NAME
           Write and print a kubeconfig for a token, as of `kubectl create token`; NAME is a label.

Flags: --user NAME[=GROUP,…]  know this user too (may be repeated; NAME:GROUP,… does as well)
       --controller-manager   run kube-controller-manager too
       --pods ADDRESS         be the control plane of nodes that reach the API server at ADDRESS; it
                              listens on every address, so run this in a network of its own
       --audit                write audit/audit.log
       --fsync                let etcd flush to disk

The servers are built when they are first needed, unless KUBEBUILDER_ASSETS names a folder that has
them. `run` uses the cluster of ICP_TEST_KUBECONFIG instead, if that is set.
";

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Job {
    Run { options: Options, command: Vec<String> },
    Up { folder: PathBuf, flags: Vec<String> },
    Serve { folder: PathBuf, options: Options },
    Down { folder: PathBuf },
    UserKubeconfig { folder: PathBuf, user: String },
    TokenKubeconfig { folder: PathBuf, name: String, token: String },
    Help,
}

pub(crate) fn parse(mut arguments: Vec<String>) -> Result<Job, String> {
    if arguments.iter().take_while(|argument| *argument != "--").any(|a| a == "--help" || a == "-h") {
        return Ok(Job::Help);
    }
    if arguments.is_empty() {
        return Err("say what to do".to_owned());
    }
    let job = arguments.remove(0);
    match job.as_str() {
        "run" => {
            let (options, mut command) = flags(&arguments)?;
            if command.first().is_some_and(|first| first == "--") {
                command.remove(0);
            }
            if command.is_empty() {
                return Err("`run` needs a command".to_owned());
            }
            Ok(Job::Run { options, command })
        }
        "up" | "serve" => {
            let (options, rest) = flags(&arguments)?;
            let [folder] = exactly(rest, &format!("`{job}` needs one folder, after its flags"))?;
            arguments.pop();
            let folder = PathBuf::from(folder);
            Ok(if job == "up" {
                Job::Up { folder, flags: arguments }
            } else {
                Job::Serve { folder, options }
            })
        }
        "down" => {
            let [folder] = exactly(arguments, "`down` needs one folder")?;
            Ok(Job::Down { folder: folder.into() })
        }
        "kubeconfig" => {
            const NEEDS: &str = "`kubeconfig` needs DIR USER, or DIR --token TOKEN NAME";
            if arguments.get(1).is_some_and(|argument| argument == "--token") {
                let [folder, _, token, name] = exactly(arguments, NEEDS)?;
                return Ok(Job::TokenKubeconfig { folder: folder.into(), name, token });
            }
            let [folder, user] = exactly(arguments, NEEDS)?;
            Ok(Job::UserKubeconfig { folder: folder.into(), user })
        }
        _ => Err(format!("`{job}` is nothing that can be done")),
    }
}

/// Reads flags up to the first argument that is none, and gives the rest.
fn flags(arguments: &[String]) -> Result<(Options, Vec<String>), String> {
    let mut options = Options::default();
    let mut arguments = arguments.iter();
    loop {
        let rest = arguments.as_slice();
        let Some(argument) = arguments.next().filter(|a| a.starts_with("--") && *a != "--") else {
            return Ok((options, rest.to_vec()));
        };
        options = match argument.as_str() {
            "--controller-manager" => options.controller_manager(true),
            "--audit" => options.audit(true),
            "--fsync" => options.fsync(true),
            "--pods" => {
                let address = arguments.next().and_then(|address| address.parse().ok());
                options.pods(address.ok_or("`--pods` needs an IPv4 address")?)
            }
            "--user" => {
                let user = arguments.next().ok_or("`--user` needs NAME or NAME=GROUP,…")?;
                options.users([User::parse(user).map_err(|error| error.to_string())?])
            }
            _ => return Err(format!("`{argument}` is no flag")),
        };
    }
}

fn exactly<const N: usize>(arguments: Vec<String>, otherwise: &str) -> Result<[String; N], String> {
    arguments.try_into().map_err(|_| otherwise.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_line(line: &str) -> Result<Job, String> {
        parse(line.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn a_command_keeps_its_own_flags() {
        let job = parse_line("run --user ann:a,b --pods 10.0.0.2 --audit -- make --audit --help");
        let Ok(Job::Run { options, command }) = job else { panic!("{job:?}") };
        assert_eq!(command, ["make", "--audit", "--help"]);
        assert!(options.audit && !options.controller_manager);
        assert_eq!(options.pods, Some(std::net::Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(options.users, [User::in_groups("ann", ["a", "b"])]);
    }

    #[test]
    fn up_hands_its_flags_on() {
        let job = parse_line("up --controller-manager --user ann /tmp/x");
        let Ok(Job::Up { folder, flags }) = job else { panic!("{job:?}") };
        assert_eq!(folder, PathBuf::from("/tmp/x"));
        assert_eq!(flags, ["--controller-manager", "--user", "ann"]);
    }

    #[test]
    fn kubeconfigs_are_for_users_or_tokens() {
        assert!(
            matches!(parse_line("kubeconfig d ann"), Ok(Job::UserKubeconfig { user, .. }) if user == "ann")
        );
        let job = parse_line("kubeconfig d --token t op");
        assert!(matches!(job, Ok(Job::TokenKubeconfig { name, token, .. }) if name == "op" && token == "t"));
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "",
            "fly",
            "run --pods here x",
            "run",
            "run --",
            "up",
            "up a b",
            "up --user",
            "down",
            "kubeconfig d",
            "run --x y",
        ] {
            assert!(parse_line(line).is_err(), "{line}");
        }
    }
}
