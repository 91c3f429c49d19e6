//! Sequences from seeds. What exists is remembered roughly, so that most acts find something to act on; nothing
//! here decides what has to come of them.

use std::collections::BTreeMap;

use crate::act::{
    Account, Act, Ask, Class, Clock, Flaw, Home, Round, Sequence, Server, Source, Term, Thing, Word,
};
use crate::rng::Rng;

/// How many acts a sequence has.
const ACTS: usize = 34;
/// How many requests and filings of each namespace have names.
const NAMES: usize = 3;

/// What operators a sequence is played in front of.
const OPERATORS: &[&[Clock]] = &[
    &[Clock::Right],
    &[Clock::Right, Clock::Right],
    &[Clock::Ahead, Clock::Right],
    &[Clock::Behind],
    &[Clock::JumpsBack],
    &[Clock::Double, Clock::Right],
];

const HOMES: [Home; 2] = [Home::First, Home::Second];
/// Where an instance is declared first.
fn home_of(server: Server) -> Home {
    match server {
        Server::A | Server::C => Home::First,
        Server::B | Server::D => Home::Second,
    }
}

const SERVERS: [Server; 4] = [Server::A, Server::B, Server::C, Server::D];

/// The sequence of a seed.
pub fn sequence(seed: u64) -> Sequence {
    let kinds = u64::try_from(OPERATORS.len()).unwrap_or(1);
    let operators = OPERATORS[usize::try_from(seed % kinds).unwrap_or(0)].to_vec();
    Sequence { rounds: Author::new(seed, true).rounds(&operators), operators }
}

/// The sequence of a seed with one operator that is never killed, in which no instance is declared twice: of two
/// that are, the older is served, and a restore does not keep ages.
pub fn untwinned(seed: u64) -> Sequence {
    let operators = vec![Clock::Right];
    let mut rounds = Author::new(seed, false).rounds(&operators);
    for round in &mut rounds {
        round.acts.retain(|act| !matches!(act, Act::Kill { .. }));
    }
    Sequence { operators, rounds }
}

/// Remembers what it wrote.
struct Author {
    rng: Rng,
    /// Whether both namespaces declare the same instances.
    twins: bool,
    requests: BTreeMap<(Home, u8), (Act, bool)>,
    filings: BTreeMap<(Home, u8), (Act, bool)>,
}

impl Author {
    fn new(seed: u64, twins: bool) -> Self {
        Self { rng: Rng::new(seed), twins, requests: BTreeMap::new(), filings: BTreeMap::new() }
    }

    fn rounds(mut self, operators: &[Clock]) -> Vec<Round> {
        let mut first = Round { acts: vec![self.class(Class::Each), self.class(Class::Shared)], rest: false };
        // Some servers are declared when there are claims on them.
        let mut late = Vec::new();
        for server in SERVERS {
            let (home, account) = (home_of(server), self.account(server));
            let act = Act::Instance { home, server, account, term: Term::Long, flaws: Vec::new() };
            if self.rng.chance(25) { late.push(act) } else { first.acts.push(act) }
        }
        // Manifests that come before what they name have to end the same.
        if self.rng.chance(30) {
            first.acts.reverse();
        }
        let mut written = first.acts.len();
        let mut rounds = vec![first];
        while written < ACTS {
            let count = 1 + self.rng.below(4);
            let mut acts: Vec<_> = (0..count).flat_map(|_| self.acts(operators.len())).collect();
            written += acts.len();
            let rest = self.rng.chance(40);
            if rounds.len() > 3 {
                written += late.len();
                acts.append(&mut late);
            }
            rounds.push(Round { acts, rest });
        }
        rounds
    }

    /// An act, or two in a row of which the second comes before the operator is through with the first.
    fn acts(&mut self, operators: usize) -> Vec<Act> {
        let act = self.act(operators);
        match &act {
            // The same manifest again, or another one of that name, right behind the deletion.
            Act::Drop { home, thing: Thing::Filing(name) } if self.rng.chance(40) => {
                let again = self.filing_of(*home, *name);
                vec![act, again]
            }
            Act::Drop { home, thing: Thing::Request(name) } if self.rng.chance(30) => {
                let again = self.request_of(*home, *name);
                vec![act, again]
            }
            Act::Drop { .. } | Act::Review { .. } if self.rng.chance(20) => vec![act, self.kill(operators)],
            _ => vec![act],
        }
    }

    fn act(&mut self, operators: usize) -> Act {
        match self.rng.weighted(&[6, 1, 9, 20, 28, 9, 3, 14, 16, 6, 3]).unwrap_or(0) {
            0 => {
                let class = *self.rng.pick(&[Class::Each, Class::Shared]);
                self.class(class)
            }
            1 => Act::DropClass {
                class: *self.rng.pick(&[Class::Each, Class::Shared]),
                meant: self.rng.chance(50),
            },
            2 => self.instance(),
            3 => {
                let (home, name) = (self.home(), self.name());
                self.request_of(home, name)
            }
            4 => {
                let (home, name) = (self.home(), self.name());
                self.filing_of(home, name)
            }
            5 => self.of_a_filing(|home, name| Act::Submit { home, name }),
            6 => self.of_a_filing(|home, name| Act::Edit { home, name }),
            7 if self.rng.chance(50) => {
                let act = self.of_a_filing(|home, name| Act::Drop { home, thing: Thing::Filing(name) });
                self.dropped(act)
            }
            7 => {
                let act = Act::Drop { home: self.home(), thing: self.thing() };
                self.dropped(act)
            }
            8 => {
                let words = [Word::InReview, Word::Rejected, Word::Approved, Word::Approved, Word::Cancelled];
                let word = *self.rng.pick(&words);
                self.of_a_filing(|home, name| Act::Review { home, name, word })
            }
            9 if self.rng.chance(50) => {
                self.of_a_filing(|home, name| Act::Wipe { home, thing: Thing::Filing(name) })
            }
            9 => Act::Wipe { home: self.home(), thing: self.thing() },
            _ => self.kill(operators),
        }
    }

    fn kill(&mut self, operators: usize) -> Act {
        Act::Kill { operator: u8::try_from(self.rng.below(operators)).unwrap_or(0) }
    }

    fn home(&mut self) -> Home {
        *self.rng.pick(&HOMES)
    }

    fn name(&mut self) -> u8 {
        u8::try_from(self.rng.below(NAMES)).unwrap_or(0)
    }

    /// An instance, mostly one that is declared there.
    fn server(&mut self, home: Home) -> Server {
        let own: Vec<_> = SERVERS.into_iter().filter(|server| home_of(*server) == home).collect();
        if self.rng.chance(85) { *self.rng.pick(&own) } else { *self.rng.pick(&SERVERS) }
    }

    /// The name of a request, mostly of one that was applied.
    fn known(&mut self, home: Home) -> u8 {
        let there = self.requests.iter().filter(|((of, _), (_, there))| *of == home && *there);
        let there: Vec<_> = there.map(|((_, name), _)| *name).collect();
        if there.is_empty() || self.rng.chance(15) { self.name() } else { *self.rng.pick(&there) }
    }

    /// Instances that are counted together stay with their accounts: what becomes of a claim while a server is
    /// declared again with another account is not promised where the key changes with it.
    fn account(&mut self, server: Server) -> Account {
        match server {
            Server::A | Server::B if self.rng.chance(12) => Account::Two,
            Server::D => Account::Two,
            _ => Account::One,
        }
    }

    fn class(&mut self, class: Class) -> Act {
        let all = [
            Ask::Mainland,
            Ask::Subscription,
            Ask::Purchased,
            Ask::Remaining,
            Ask::Bandwidth,
            Ask::Address,
            Ask::OrderMonths,
            Ask::OrderYuan,
        ];
        let mut asks: Vec<_> = all.into_iter().filter(|_| self.rng.chance(15)).collect();
        if self.rng.chance(4) {
            asks.push(Ask::OtherProvider);
        }
        let quota = i32::try_from(1 + self.rng.below(4)).unwrap_or(1);
        Act::Class { class, quota, suspend: self.rng.chance(10), asks }
    }

    fn instance(&mut self) -> Act {
        let server = *self.rng.pick(&SERVERS);
        let home = match server {
            _ if self.twins && self.rng.chance(50) => self.home(),
            server => home_of(server),
        };
        let terms = [
            Term::Short,
            Term::Over,
            Term::BeginsInHalfAnHour,
            Term::EndsInHalfAnHour,
            Term::BeginsSoon,
            Term::EndsSoon,
        ];
        let term = if self.rng.chance(60) { Term::Long } else { *self.rng.pick(&terms) };
        let all = [
            Flaw::HongKong,
            Flaw::Abroad,
            Flaw::PayAsYouGo,
            Flaw::NoNetwork,
            Flaw::NoAddress,
            Flaw::SmallOrder,
            Flaw::Stopped,
            Flaw::ProviderSaysExpired,
            Flaw::Released,
        ];
        let flawed = self.rng.chance(40);
        let flaws = all.into_iter().filter(|_| flawed && self.rng.chance(20)).collect();
        Act::Instance { home, server, account: self.account(server), term, flaws }
    }

    fn request_of(&mut self, home: Home, name: u8) -> Act {
        if let Some((before, there)) = self.requests.get_mut(&(home, name))
            && self.rng.chance(if *there { 30 } else { 60 })
        {
            *there = true;
            return before.clone();
        }
        let server = self.server(home);
        let account = self.account(server);
        let act = Act::Request { home, name, server, account, grant: self.rng.chance(25) };
        self.requests.insert((home, name), (act.clone(), true));
        act
    }

    fn filing_of(&mut self, home: Home, name: u8) -> Act {
        if let Some((before, there)) = self.filings.get_mut(&(home, name))
            && self.rng.chance(if *there { 40 } else { 60 })
        {
            *there = true;
            let mut again = before.clone();
            // The same site, sometimes submitted, sometimes under another domain.
            if let Act::Filing { submit, domain, .. } = &mut again {
                *submit |= self.rng.chance(30);
                if self.rng.chance(25) {
                    *domain ^= 1;
                }
            }
            *before = again.clone();
            return again;
        }
        let source = match self.rng.weighted(&[4, 4, 2]).unwrap_or(0) {
            0 => Source::Instance(self.server(home)),
            1 => Source::Request(self.known(home)),
            _ => {
                let home = self.home();
                Source::NumberOf(home, self.known(home))
            }
        };
        let account = match source {
            Source::Instance(server) => self.account(server),
            Source::Request(name) | Source::NumberOf(_, name) => match self.requests.get(&(home, name)) {
                Some((Act::Request { account, .. }, _)) if self.rng.chance(80) => *account,
                _ => *self.rng.pick(&[Account::One, Account::Two]),
            },
        };
        let domain = u8::from(self.rng.chance(30));
        let act = Act::Filing { home, name, domain, source, account, submit: self.rng.chance(30) };
        self.filings.insert((home, name), (act.clone(), true));
        act
    }

    /// An act on a filing that was applied, or on any if none was.
    fn of_a_filing(&mut self, act: impl FnOnce(Home, u8) -> Act) -> Act {
        let there: Vec<_> =
            self.filings.iter().filter(|(_, (_, there))| *there).map(|(key, _)| *key).collect();
        let (home, name) = if there.is_empty() { (self.home(), self.name()) } else { *self.rng.pick(&there) };
        act(home, name)
    }

    fn thing(&mut self) -> Thing {
        match self.rng.below(3) {
            0 => Thing::Instance(*self.rng.pick(&SERVERS)),
            1 => Thing::Request(self.name()),
            _ => Thing::Filing(self.name()),
        }
    }

    /// Remembers what is deleted.
    fn dropped(&mut self, act: Act) -> Act {
        let Act::Drop { home, thing } = act else { return act };
        match thing {
            Thing::Instance(_) => {}
            Thing::Request(name) => {
                if let Some((_, there)) = self.requests.get_mut(&(home, name)) {
                    *there = false;
                }
            }
            Thing::Filing(name) => {
                if let Some((_, there)) = self.filings.get_mut(&(home, name)) {
                    *there = false;
                }
            }
        }
        Act::Drop { home, thing }
    }
}

#[test]
fn a_sequence_is_read_as_it_was_printed_and_a_seed_makes_one_sequence() {
    for seed in 0..50 {
        let made = sequence(seed);
        let printed = made.to_string();
        assert_eq!(serde_json::from_str::<Sequence>(&printed).ok(), Some(made.clone()), "{printed}");
        assert_eq!(sequence(seed), made);
    }
}
