//! The permission table: what a role may do, and what grants, rules and moderators leave of that. Pure.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::{Grants, KindSet, TrackKind};

/// What a member is in its room. May change during the call.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, TS, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches, listens, chats and raises hands.
    Viewer,
    /// Also publishes.
    #[default]
    Member,
    /// Also moderates.
    Host,
}

/// Whatever needs a permission in a room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Action {
    /// Have packets of a track forwarded.
    Publish(TrackKind),
    /// Be sent others' media.
    Subscribe,
    Chat,
    React,
    RaiseHand,
    Rename,
    /// Send application events and data-channel messages.
    Data,
    /// Mute, stop, remove and ban others, lower their hands.
    Moderate,
    /// Let in who waits.
    Admit,
    /// Change password, lock, waiting room and rules.
    ChangeRoom,
    ChangeRoles,
    /// End the room for all.
    End,
    Record,
}

impl Action {
    pub const ALL: [Action; 16] = [
        Action::Publish(TrackKind::Microphone),
        Action::Publish(TrackKind::Camera),
        Action::Publish(TrackKind::Screen),
        Action::Publish(TrackKind::ScreenAudio),
        Action::Subscribe,
        Action::Chat,
        Action::React,
        Action::RaiseHand,
        Action::Rename,
        Action::Data,
        Action::Moderate,
        Action::Admit,
        Action::ChangeRoom,
        Action::ChangeRoles,
        Action::End,
        Action::Record,
    ];
}

impl Role {
    /// The table.
    pub fn may(self, action: Action) -> bool {
        match action {
            Action::Subscribe | Action::Chat | Action::React | Action::RaiseHand | Action::Rename => true,
            Action::Publish(_) | Action::Data => self >= Role::Member,
            Action::Moderate
            | Action::Admit
            | Action::ChangeRoom
            | Action::ChangeRoles
            | Action::End
            | Action::Record => self == Role::Host,
        }
    }
}

/// What a room lets everybody do who is not its host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rules {
    pub microphone: bool,
    pub camera: bool,
    pub screen: bool,
    pub screen_audio: bool,
    /// Also reactions.
    pub chat: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { microphone: true, camera: true, screen: true, screen_audio: true, chat: true }
    }
}

impl Rules {
    fn allow(self, action: Action) -> bool {
        match action {
            Action::Publish(TrackKind::Microphone) => self.microphone,
            Action::Publish(TrackKind::Camera) => self.camera,
            Action::Publish(TrackKind::Screen) => self.screen,
            Action::Publish(TrackKind::ScreenAudio) => self.screen_audio,
            Action::Chat | Action::React => self.chat,
            _ => true,
        }
    }

    /// Allows or forbids publishing of `kinds`.
    pub fn set(&mut self, kinds: KindSet, allowed: bool) {
        for kind in kinds.iter() {
            match kind {
                TrackKind::Microphone => self.microphone = allowed,
                TrackKind::Camera => self.camera = allowed,
                TrackKind::Screen => self.screen = allowed,
                TrackKind::ScreenAudio => self.screen_audio = allowed,
            }
        }
    }
}

/// Why an action is not permitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denied {
    #[error("a {} may not do that; a host can change the role", name(.0))]
    Role(Role),
    #[error("the access token does not grant that")]
    Grant,
    #[error("the room's rules do not allow that now; a host can change them")]
    Rule,
    #[error("a moderator has forbidden that to this member")]
    Moderator,
}

fn name(role: &Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Member => "member",
        Role::Host => "host",
    }
}

/// Everything that decides what one member may do now.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Standing<'a> {
    pub role: Role,
    pub grants: &'a Grants,
    pub rules: Rules,
    /// What a moderator has forbidden this member.
    pub forbidden: KindSet,
}

impl Standing<'_> {
    /// The one answer for both planes.
    ///
    /// # Errors
    ///
    /// The first of role, grants, rules and moderators that does not permit the action.
    pub fn check(&self, action: Action) -> Result<(), Denied> {
        if !self.role.may(action) {
            return Err(Denied::Role(self.role));
        }
        if !self.grants.allow(action) {
            return Err(Denied::Grant);
        }
        if self.role != Role::Host && !self.rules.allow(action) {
            return Err(Denied::Rule);
        }
        match action {
            Action::Publish(kind) if self.forbidden.contains(kind) => Err(Denied::Moderator),
            _ => Ok(()),
        }
    }

    pub fn permits(&self, action: Action) -> bool {
        self.check(action).is_ok()
    }

    /// What the member may publish now.
    pub fn publishable(&self) -> KindSet {
        TrackKind::ALL.into_iter().filter(|kind| self.permits(Action::Publish(*kind))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::access::RoomPattern;

    fn kinds() -> impl Strategy<Value = KindSet> {
        proptest::collection::vec(proptest::sample::select(TrackKind::ALL.to_vec()), 0..4).prop_map(KindSet::from_iter)
    }

    fn roles() -> impl Strategy<Value = Role> {
        proptest::sample::select(vec![Role::Viewer, Role::Member, Role::Host])
    }

    prop_compose! {
        fn grants()(
            publish in kinds(),
            role in roles(),
            flags in proptest::collection::vec(any::<bool>(), 6),
        ) -> Grants {
            Grants {
                room: RoomPattern::any(),
                role,
                publish,
                subscribe: flags[0],
                chat: flags[1],
                moderate: flags[2],
                hidden: flags[3],
                record: flags[4],
                admin: flags[5],
            }
        }
    }

    prop_compose! {
        fn rules()(flags in proptest::collection::vec(any::<bool>(), 5)) -> Rules {
            let [microphone, camera, screen, screen_audio, chat] = flags[..] else { unreachable!() };
            Rules { microphone, camera, screen, screen_audio, chat }
        }
    }

    proptest! {
        #[test]
        fn nobody_publishes_without_role_grant_and_leave(
            role in roles(), grants in grants(), rules in rules(), forbidden in kinds(),
        ) {
            let standing = Standing { role, grants: &grants, rules, forbidden };
            for kind in TrackKind::ALL {
                let action = Action::Publish(kind);
                let granted = grants.publish.contains(kind) && !grants.hidden;
                let ruled = role == Role::Host || rules.allow(action);
                let expected = granted && role != Role::Viewer && ruled && !forbidden.contains(kind);
                prop_assert_eq!(standing.permits(action), expected);
                prop_assert_eq!(standing.publishable().contains(kind), expected);
            }
        }

        #[test]
        fn no_role_and_no_rule_gives_what_the_token_does_not(
            role in roles(), grants in grants(), rules in rules(), forbidden in kinds(),
        ) {
            let standing = Standing { role, grants: &grants, rules, forbidden };
            for action in Action::ALL {
                prop_assert!(!standing.permits(action) || grants.allow(action), "{:?}", action);
            }
            let moderates = [Action::Moderate, Action::Admit, Action::ChangeRoom, Action::ChangeRoles, Action::End];
            for action in moderates {
                prop_assert_eq!(standing.permits(action), role == Role::Host && grants.moderate);
            }
        }

        #[test]
        fn a_higher_role_may_all_that_a_lower_one_may(
            grants in grants(), rules in rules(), forbidden in kinds(), low in roles(), high in roles(),
        ) {
            prop_assume!(low <= high);
            let of = |role| Standing { role, grants: &grants, rules, forbidden };
            for action in Action::ALL {
                prop_assert!(!of(low).permits(action) || of(high).permits(action), "{:?}", action);
            }
        }
    }

    #[test]
    fn the_table_reads_as_it_is_documented() {
        let count = |role: Role| Action::ALL.into_iter().filter(|action| role.may(*action)).count();
        assert_eq!([Role::Viewer, Role::Member, Role::Host].map(count), [5, 10, 16]);
    }
}
