//! The operators that a batch of sequences is played in front of: with clocks of their own, killed and started
//! again on demand. Leader election is off: all of them work at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::Mutex;

use crate::act::Clock;
use crate::clock::{HOUR, Hands};
use crate::fixture::Who;
use crate::lab::Lab;
use crate::operator_process::Operator;

/// Operators at work.
pub struct Rig {
    lab: &'static Lab,
    seats: Vec<Seat>,
    /// How many operators were killed.
    pub kills: AtomicUsize,
}

struct Seat {
    clock: Clock,
    hands: Option<Hands>,
    operator: Mutex<Option<Operator>>,
}

impl Rig {
    /// Starts operators.
    pub async fn start(lab: &'static Lab, clocks: &[Clock]) -> Self {
        let folder = lab.cluster.control_plane().dir();
        let mut seats = Vec::new();
        for clock in clocks {
            let hands = match clock {
                Clock::Right => None,
                Clock::Ahead | Clock::JumpsBack => Some(Hands::new(folder, HOUR, 1000)),
                Clock::Behind => Some(Hands::new(folder, -HOUR, 1000)),
                Clock::Double => Some(Hands::new(folder, 0, 2000)),
            };
            let seat = Seat { clock: *clock, hands, operator: Mutex::default() };
            *seat.operator.lock().await = Some(seat.spawn(lab).await);
            seats.push(seat);
        }
        for seat in &seats {
            if let Some(operator) = &*seat.operator.lock().await {
                operator.ready().await;
                seat.is_off(operator);
            }
        }
        Self { lab, seats, kills: AtomicUsize::new(0) }
    }

    /// Kills an operator and starts another in its place.
    pub async fn kill(&self, which: u8) {
        let seat = &self.seats[usize::from(which) % self.seats.len()];
        let mut operator = seat.operator.lock().await;
        if let Some(killed) = operator.take() {
            killed.kill().await;
            self.lab.ended(killed);
            self.kills.fetch_add(1, Ordering::Relaxed);
        }
        *operator = Some(seat.spawn(self.lab).await);
    }

    /// Half of the rounds are over.
    pub fn half_over(&self) {
        self.put_right(|clock| clock == Clock::JumpsBack);
    }

    /// Puts every clock right.
    pub fn right(&self) {
        self.put_right(|_| true);
    }

    fn put_right(&self, which: impl Fn(Clock) -> bool) {
        let hands = self.seats.iter().filter(|seat| which(seat.clock)).filter_map(|seat| seat.hands.as_ref());
        hands.for_each(Hands::right);
    }

    /// Ends the operators.
    pub async fn end(self) {
        for seat in self.seats {
            if let Some(operator) = seat.operator.into_inner() {
                operator.finish().await;
                self.lab.ended(operator);
            }
        }
    }
}

impl Seat {
    async fn spawn(&self, lab: &Lab) -> Operator {
        let kubeconfig = lab.cluster.kubeconfig(Who::Operator);
        // What a wrong clock decided is seen again when everything is looked at again; otherwise nothing waits for
        // that.
        let (flags, environment) = match &self.hands {
            None => (&[][..], Vec::new()),
            Some(hands) => (&["--resync-seconds", "2"][..], hands.environment().await.to_vec()),
        };
        Operator::with_environment(lab.cluster.control_plane().dir(), &kubeconfig, flags, &environment)
    }

    /// That the clock is as wrong as it should be, by what the operator itself logs.
    fn is_off(&self, operator: &Operator) {
        let lines = operator.lines();
        let time = lines.last().and_then(|line| line["timestamp"].as_str()?.parse::<Timestamp>().ok());
        let off = time.map(|time| time.as_second() - Timestamp::now().as_second());
        let is = off.is_some_and(|off| match self.clock {
            Clock::Right | Clock::Double => off.abs() < 600,
            Clock::Ahead | Clock::JumpsBack => (3_000..4_200).contains(&off),
            Clock::Behind => (-4_200..-3_000).contains(&off),
        });
        assert!(is, "a clock that is {:?} is off by {off:?} s", self.clock);
    }
}
