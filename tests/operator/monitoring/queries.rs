//! What a query of Prometheus names: metrics, labels and values. It reads the queries that we ship and no others.

use std::collections::BTreeSet;

/// Words of the language between operands.
const WORDS: [&str; 5] = ["and", "or", "unless", "offset", "bool"];
/// Words before a list of labels.
const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// What a query names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Metrics.
    pub metrics: BTreeSet<String>,
    /// Of which metric which label has to have which value; none where the value is a pattern.
    pub selected: BTreeSet<(String, String, Option<String>)>,
    /// Labels that it groups by.
    pub grouped: BTreeSet<String>,
}

/// Reads a query.
pub fn named(query: &str) -> Named {
    let mut named = Named::default();
    let (mut rest, mut metric) = (query.trim_start(), String::new());
    while let Some(first) = rest.chars().next() {
        rest = if let Some(inside) = rest.strip_prefix('{') {
            let (inside, after) = split(inside, '}');
            for matcher in inside.split(',').filter(|matcher| !matcher.trim().is_empty()) {
                named.selected.insert(selected(&metric, matcher));
            }
            after
        } else if let Some(inside) = rest.strip_prefix('[') {
            split(inside, ']').1
        } else if let Some(inside) = rest.strip_prefix('"') {
            split(inside, '"').1
        } else if is_of_word(first) {
            let (word, after) = rest.split_at(rest.find(|c| !is_of_word(c)).unwrap_or(rest.len()));
            match after.trim_start().strip_prefix('(') {
                Some(inside) if LISTS.contains(&word) => {
                    let (labels, after) = split(inside, ')');
                    named.grouped.extend(labels.split(',').map(|label| label.trim().to_owned()));
                    after
                }
                // A function.
                Some(_) => after,
                None => {
                    // An aggregation says what it groups by before what it is of.
                    let next = after.trim_start().split(|c| !is_of_word(c)).next().unwrap_or_default();
                    let operator = WORDS.contains(&word) || LISTS.contains(&next);
                    if !first.is_ascii_digit() && !operator {
                        word.clone_into(&mut metric);
                        named.metrics.insert(metric.clone());
                    }
                    after
                }
            }
        } else {
            &rest[first.len_utf8()..]
        }
        .trim_start();
    }
    named
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

fn split(text: &str, end: char) -> (&str, &str) {
    text.split_once(end).unwrap_or_else(|| panic!("no {end} ends {text}"))
}

fn selected(metric: &str, matcher: &str) -> (String, String, Option<String>) {
    let at = matcher.find(['=', '!']).unwrap_or_else(|| panic!("{matcher} selects nothing"));
    let (label, value) = matcher.split_at(at);
    let exact = value.strip_prefix("=\"").map(|value| value.trim().trim_matches('"').to_owned());
    (metric.to_owned(), label.trim().to_owned(), exact)
}

#[test]
fn a_query_is_read() {
    let query = "histogram_quantile(0.95, sum by (name, le) (rate(a_bucket{job=\"x\", code!~\"5..|<e>\"}[5m]))) > 10\n\
                 unless on (pod) b offset 15m > bool 0.1 * c_total";
    let named = named(query);
    let set = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(named.metrics, set(&["a_bucket", "b", "c_total"]));
    assert_eq!(named.grouped, set(&["name", "le", "pod"]));
    let of = |label: &str, value: Option<&str>| {
        ("a_bucket".to_owned(), label.to_owned(), value.map(str::to_owned))
    };
    assert_eq!(named.selected, BTreeSet::from([of("job", Some("x")), of("code", None)]));
}
