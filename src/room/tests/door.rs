//! Nobody new comes in past lock, password, waiting room and bans, in whatever order things happen.

use proptest::prelude::*;

use super::admission::{host_pass, pass};
use super::*;
use crate::access::Pass;

#[derive(Clone, Copy, Debug)]
enum Shown {
    Nothing,
    Member,
    Host,
    Banned,
}

#[derive(Clone, Debug)]
enum Step {
    Settings {
        locked: Option<bool>,
        waiting_room: Option<bool>,
        password: Option<u8>,
    },
    Enter {
        shown: Shown,
        password: Option<u8>,
    },
    /// Whoever was told to wait asks again.
    Again(u8),
    Admit(u8),
    Deny(u8),
    Leave(u8),
    Lose(u8),
}

/// 0 = none.
fn secret(number: u8) -> String {
    if number == 0 { String::new() } else { format!("secret {number}") }
}

fn steps() -> impl Strategy<Value = Step> {
    let shown = proptest::sample::select(vec![Shown::Nothing, Shown::Member, Shown::Host, Shown::Banned]);
    let secrets = || proptest::option::of(0u8..3);
    prop_oneof![
        (any::<Option<bool>>(), any::<Option<bool>>(), secrets())
            .prop_map(|(locked, waiting_room, password)| { Step::Settings { locked, waiting_room, password } }),
        (shown, secrets()).prop_map(|(shown, password)| Step::Enter { shown, password }),
        any::<u8>().prop_map(Step::Again),
        any::<u8>().prop_map(Step::Admit),
        any::<u8>().prop_map(Step::Deny),
        any::<u8>().prop_map(Step::Leave),
        any::<u8>().prop_map(Step::Lose),
    ]
}

fn bearer(shown: Shown) -> Result<Option<Pass>, ErrorBody> {
    match shown {
        Shown::Nothing => Ok(None),
        Shown::Member => pass(|_| {}),
        Shown::Host => host_pass(),
        Shown::Banned => pass(|_| {}).map(|pass| pass.map(|pass| Pass { subject: Some("banned".into()), ..pass })),
    }
}

struct Door {
    world: World,
    inside: Vec<Guest>,
    outside: Vec<(LinkId, Arc<FakeClient>, Shown, Option<u8>)>,
    /// What the room's password is.
    password: u8,
}

impl Door {
    fn knock(&mut self, at: (LinkId, Arc<FakeClient>, Shown, Option<u8>)) -> Result<(), TestCaseError> {
        let (link, client, shown, password) = at.clone();
        let room = &self.world.room;
        let (facts, empty, expects) = (room.facts, room.members.is_empty(), room.waiting.expects());
        let admitted = matches!(room.waiting.of(link), Some(crate::room::waiting::Standing::Admitted { .. }));
        let before = self.password;
        let entered = self.world.enter_by(link, &client, "x", |entry| {
            entry.pass = bearer(shown);
            entry.password = password.map(secret);
        });
        let Ok(guest) = entered else {
            self.outside.retain(|waiting| waiting.0 != link);
            self.outside.push(at);
            return Ok(());
        };
        let first = empty && !expects && matches!(shown, Shown::Nothing);
        let knows = before == 0 || password == Some(before);
        let open = !facts.locked && knows && (!facts.waiting_room || first);
        prop_assert!(!matches!(shown, Shown::Banned), "a banned one came in");
        prop_assert!(admitted || matches!(shown, Shown::Host) || open, "{shown:?} came in: {facts:?}");
        if empty && !matches!(shown, Shown::Member) && before == 0 {
            self.password = password.unwrap_or(0);
        }
        self.outside.retain(|waiting| waiting.0 != link);
        self.inside.push(guest);
        Ok(())
    }

    fn perform(&mut self, step: Step) -> Result<(), TestCaseError> {
        let pick = |who: u8, count: usize| (count > 0).then(|| usize::from(who) % count);
        let host = self.inside.iter().find(|guest| self.world.role(guest) == Some(Role::Host)).map(|guest| guest.link);
        match step {
            Step::Settings { locked, waiting_room, password } => {
                let text = password.map(secret);
                let settings = Settings { locked, waiting_room, password: text, ..Settings::default() };
                if let Some(host) = host {
                    self.world.room.change_settings(host, &settings, self.world.now).unwrap();
                    self.password = password.unwrap_or(self.password);
                }
            }
            Step::Enter { shown, password } => {
                let (link, client) = self.world.client();
                self.knock((link, client, shown, password))?;
            }
            Step::Again(who) => {
                if let Some(index) = pick(who, self.outside.len()) {
                    let again = self.outside[index].clone();
                    self.knock(again)?;
                }
            }
            Step::Admit(who) | Step::Deny(who) => {
                let knocks = self.world.room.waiting.knocks().waiting;
                if let (Some(host), Some(index)) = (host, pick(who, knocks.len())) {
                    let (id, now) = (knocks[index].id.clone(), self.world.now);
                    match step {
                        Step::Admit(_) => self.world.room.admit_waiting(host, &Admit { id: Some(id) }, now).map(drop),
                        _ => self.world.room.deny_waiting(host, &Deny { id }, now).map(drop),
                    }
                    .unwrap();
                }
            }
            Step::Leave(who) => {
                if let Some(index) = pick(who, self.inside.len()) {
                    let guest = self.inside.remove(index);
                    self.world.room.leave(guest.link, false, self.world.now).unwrap();
                }
            }
            Step::Lose(who) => {
                if let Some(index) = pick(who, self.outside.len()) {
                    let (link, ..) = self.outside.remove(index);
                    self.world.room.lose(link, self.world.now);
                }
            }
        }
        // As the room's task does after each turn.
        self.world.room.settle(self.world.now);
        if self.world.room.is_deserted() {
            self.world.room.begin_anew();
            self.world.room.bans.add(Some(&"banned".to_owned()), None);
            self.password = 0;
        }
        Ok(())
    }
}

proptest! {
    // Each password costs some milliseconds.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn only_who_may_comes_in(steps in proptest::collection::vec(steps(), 1..40)) {
        let mut door = Door { world: World::new(), inside: Vec::new(), outside: Vec::new(), password: 0 };
        door.world.room.bans.add(Some(&"banned".to_owned()), None);
        for step in steps {
            door.perform(step)?;
        }
    }
}
