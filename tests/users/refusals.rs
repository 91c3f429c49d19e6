//! Which refusals of the API server are lawful: those of a rule that `docs/api.md` tells users about, where the act
//! may run into it, and what is not there.

use std::sync::LazyLock;

use kube::core::Status;

use crate::act::Act;
use crate::fixture::{must, repository};

/// Every rule that `docs/api.md` lists under "Refused by the API server".
static RULES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = must("read docs/api.md", std::fs::read_to_string(repository("docs/api.md")));
    let sections = text.split("Refused by the API server:").skip(1);
    let lines =
        sections.flat_map(|section| section.lines().skip(1).take_while(|line| !line.starts_with('#')));
    let rules = lines.filter_map(|line| line.strip_prefix("- "));
    // Some name the field in front.
    let rules =
        rules.map(|rule| rule.strip_prefix('`').and_then(|r| r.split_once("`: ")).map_or(rule, |r| r.1));
    rules.map(str::to_owned).collect()
});

/// Whether an act may be refused so.
pub fn is_lawful(act: &Act, status: &Status) -> bool {
    let says = |words: &str| status.message.contains(words);
    let documented = RULES.iter().filter(|rule| says(rule));
    match (act, status.code) {
        // What somebody else deleted, or nobody applied, is not there.
        (
            Act::DropClass { .. }
            | Act::Submit { .. }
            | Act::Edit { .. }
            | Act::Drop { .. }
            | Act::Review { .. }
            | Act::Wipe { .. },
            404,
        ) => true,
        (Act::DropClass { meant, .. }, 403 | 422) => !meant && says("icp-filing-classes"),
        // Nothing that is asked for here is malformed: only what is for ever stands against it.
        (Act::Instance { .. } | Act::Request { .. } | Act::Filing { .. }, 422) => {
            documented.into_iter().any(|rule| rule.contains("immutable") || rule.contains("never goes back"))
        }
        (Act::Review { .. }, 422) => {
            documented.into_iter().any(|rule| rule.contains("review") || rule.contains("icpNumber"))
        }
        _ => false,
    }
}

#[test]
fn the_rules_of_the_reference_are_found() {
    let has = |words: &str| RULES.iter().any(|rule| rule.contains(words));
    assert!(has("source is immutable") && has("an approved or cancelled review is final"), "{:?}", *RULES);
    assert!(RULES.iter().all(|rule| rule.len() > 20 && !rule.starts_with('`')), "{:?}", *RULES);
}
