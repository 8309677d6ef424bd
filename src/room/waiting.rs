//! Who waits to be admitted to a room, and who may not come back to it. Pure.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::member::Link;
use super::outbox::{LinkId, Push};
use crate::id::MemberId;
use crate::signal::protocol::{Knock, Knocks, Waiting, WaitingState};

/// Most that wait for one room: as many as anybody could look through.
pub(super) const MOST: usize = 100;
/// How long whoever was admitted may take to join.
const TO_JOIN: Duration = Duration::from_secs(60);
/// How long whoever was denied need not ask again.
const DENIED: Duration = Duration::from_secs(60);
/// Most bans of each kind that a room remembers.
const MOST_BANS: usize = 1_000;

/// One client at the door.
pub(super) struct Waiter {
    pub(super) id: MemberId,
    pub(super) name: String,
    pub(super) link: Link,
    /// Unix time, milliseconds.
    pub(super) since: u64,
    /// Would be let in if nobody were here.
    pub(super) opens: bool,
    pub(super) banned: bool,
    pub(super) state: Standing,
    pub(super) told: Option<Waiting>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    Waits,
    Admitted { until: Instant },
    Denied { until: Instant },
}

impl Standing {
    fn until(self) -> Option<Instant> {
        match self {
            Standing::Waits => None,
            Standing::Admitted { until } | Standing::Denied { until } => Some(until),
        }
    }
}

/// Everybody at the door, in the order of coming.
#[derive(Default)]
pub(super) struct WaitingRoom(Vec<Waiter>);

impl WaitingRoom {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.0.iter().map(|waiter| &waiter.link)
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(super) fn of(&self, link: LinkId) -> Option<Standing> {
        self.0.iter().find(|waiter| waiter.link.id == link).map(|waiter| waiter.state)
    }

    /// A client that asks again keeps its place.
    pub(super) fn add(&mut self, waiter: Waiter) {
        match self.0.iter_mut().find(|known| known.link.id == waiter.link.id) {
            Some(known) => {
                known.name = waiter.name;
                known.told = None;
            }
            None => self.0.push(waiter),
        }
    }

    pub(super) fn remove(&mut self, link: LinkId) -> Option<Waiter> {
        let index = self.0.iter().position(|waiter| waiter.link.id == link)?;
        Some(self.0.remove(index))
    }

    /// Lets in one of those who wait, or all but the banned. False when there is no such one.
    pub(super) fn admit(&mut self, id: Option<&MemberId>, now: Instant) -> bool {
        let chosen = |waiter: &Waiter| id.map_or(!waiter.banned, |id| waiter.id == *id);
        self.settle(chosen, Standing::Admitted { until: now + TO_JOIN }) || id.is_none()
    }

    pub(super) fn deny(&mut self, id: &MemberId, now: Instant) -> bool {
        self.settle(|waiter| waiter.id == *id, Standing::Denied { until: now + DENIED })
    }

    /// Lets in the first who would be let into an empty room.
    pub(super) fn open(&mut self, now: Instant) {
        if let Some(first) = self.0.iter().find(|waiter| waiter.opens && waiter.state == Standing::Waits) {
            let id = first.id.clone();
            self.admit(Some(&id), now);
        }
    }

    /// Whether somebody is on the way in.
    pub(super) fn expects(&self) -> bool {
        self.0.iter().any(|waiter| matches!(waiter.state, Standing::Admitted { .. }))
    }

    fn settle(&mut self, chosen: impl Fn(&Waiter) -> bool, state: Standing) -> bool {
        let mut found = false;
        for waiter in self.0.iter_mut().filter(|waiter| waiter.state == Standing::Waits) {
            if chosen(waiter) {
                waiter.state = state;
                found = true;
            }
        }
        found
    }

    /// Tells everybody at the door what has changed for it.
    pub(super) fn tell(&mut self, host: bool) {
        let mut ahead = 0;
        for waiter in &mut self.0 {
            let state = match waiter.state {
                Standing::Waits => WaitingState::Waiting,
                Standing::Admitted { .. } => WaitingState::Admitted,
                Standing::Denied { .. } => WaitingState::Denied,
            };
            let waits = state == WaitingState::Waiting;
            let now = Waiting { state, host, ahead: if waits { ahead } else { 0 } };
            ahead += u32::from(waits);
            // Who is in or out need not hear who else comes.
            let news = waiter.told.is_none_or(|told| told.state != state || waits && told != now);
            if news {
                waiter.told = Some(now);
                waiter.link.outbox.push(&Push::Waiting(now));
            }
        }
    }

    pub(super) fn knocks(&self) -> Knocks {
        let waiting = self.0.iter().filter(|waiter| waiter.state == Standing::Waits).map(|waiter| Knock {
            id: waiter.id.clone(),
            name: waiter.name.clone(),
            since: waiter.since,
            banned: waiter.banned,
        });
        Knocks { waiting: waiting.collect() }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().filter_map(|waiter| waiter.state.until()).min()
    }

    /// Forgets those whose time is over.
    pub(super) fn tick(&mut self, now: Instant) {
        self.0.retain(|waiter| waiter.state.until().is_none_or(|until| until > now));
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiter> {
        self.0.drain(..)
    }
}

/// Who was banned. Whom the issuer of a token names is known by that; anybody else only by the address, behind which
/// there may be others: they wait until somebody admits them.
#[derive(Debug, Default)]
pub(super) struct Bans {
    subjects: HashSet<String>,
    addresses: HashSet<IpAddr>,
}

impl Bans {
    pub(super) fn add(&mut self, subject: Option<&String>, address: Option<IpAddr>) {
        match (subject, address) {
            (Some(subject), _) if self.subjects.len() < MOST_BANS => {
                self.subjects.insert(subject.clone());
            }
            (None, Some(address)) if self.addresses.len() < MOST_BANS => {
                self.addresses.insert(household(address));
            }
            _ => {}
        }
    }

    pub(super) fn holds(&self, subject: Option<&String>) -> bool {
        subject.is_some_and(|subject| self.subjects.contains(subject))
    }

    /// Whether a client comes from where somebody was banned, and cannot show that it is somebody else.
    pub(super) fn suspects(&self, subject: Option<&String>, address: Option<IpAddr>) -> bool {
        subject.is_none() && address.is_some_and(|address| self.addresses.contains(&household(address)))
    }
}

/// What stays of an address when its owner takes another one: of IPv6, the network of 64 bits that a household has.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_holds_for_the_whole_network_of_a_household() {
        let mut bans = Bans::default();
        let address = |text: &str| Some(text.parse().unwrap());
        for banned in ["2001:db8:0:1::7", "::ffff:192.0.2.7"] {
            bans.add(None, address(banned));
        }
        for (other, expected) in
            [("2001:db8:0:1:ffff::1", true), ("192.0.2.7", true), ("2001:db8:0:2::7", false), ("192.0.2.8", false)]
        {
            assert_eq!(bans.suspects(None, address(other)), expected, "{other}");
        }
        assert!(!bans.suspects(Some(&"u1".to_owned()), address("192.0.2.7")));
    }
}
