//! What hosts do to their room and to its members, and what follows from it for everybody's permissions.

use std::time::Instant;

use super::member::{Link, Resident};
use super::outbox::{LinkId, Push};
use super::password::{MAX_PASSWORD, Password};
use super::room::{Room, not_joined};
use crate::access::{Action, Denied, KindSet, Role};
use crate::id::MemberId;
use crate::signal::protocol::*;

impl Room {
    /// The member behind a link, if it may do that now.
    pub(super) fn permitted(&mut self, link: LinkId, action: Action) -> Result<usize, ErrorBody> {
        let index = self.find(link).ok_or_else(not_joined)?;
        let member = self.members.get(index).ok_or_else(not_joined)?;
        member.standing(self.facts.rules).check(action).map_err(forbidden)?;
        Ok(index)
    }

    pub(super) fn named(&self, id: &MemberId) -> Result<usize, ErrorBody> {
        let missing = || ErrorBody::new(ErrorCode::NoSuchMember, format!("member: no member {id} in this room"));
        self.position(id).ok_or_else(missing)
    }

    fn id_of(&self, index: usize) -> Option<MemberId> {
        self.members.get(index).map(|member| member.id.clone())
    }

    pub(super) fn change_settings(
        &mut self,
        link: LinkId,
        settings: &Settings,
        now: Instant,
    ) -> Result<Done, ErrorBody> {
        let by = self.permitted(link, Action::ChangeRoom)?;
        if settings.password.as_ref().is_some_and(|text| text.chars().count() > MAX_PASSWORD) {
            let message = format!("password: at most {MAX_PASSWORD} characters");
            return Err(ErrorBody::new(ErrorCode::BadRequest, message));
        }
        let by = self.id_of(by);
        let before = self.facts;
        if let Some(text) = &settings.password {
            self.password = (!text.is_empty()).then(|| Password::new(text));
            self.facts.password = self.password.is_some();
        }
        self.facts.listed = settings.listed.unwrap_or(before.listed);
        self.facts.locked = settings.locked.unwrap_or(before.locked);
        self.facts.waiting_room = settings.waiting_room.unwrap_or(before.waiting_room);
        self.facts.rules = settings.rules.unwrap_or(before.rules);
        if before.waiting_room && !self.facts.waiting_room {
            self.waiting.admit(None, now);
        }
        self.facts_changed(before, by.as_ref());
        Ok(Done {})
    }

    /// Tells everybody how the room is now, and stops what its rules no longer allow.
    fn facts_changed(&mut self, before: RoomFacts, by: Option<&MemberId>) {
        if self.facts == before {
            return;
        }
        self.announce(Change::Room(self.facts), None);
        if self.facts.rules != before.rules {
            self.enforce_all(by);
        }
        if self.facts.listed != before.listed {
            self.publish();
        }
    }

    pub(super) fn change_role(&mut self, link: LinkId, change: &ChangeRole) -> Result<Done, ErrorBody> {
        let by = self.permitted(link, Action::ChangeRoles)?;
        let index = self.named(&change.member)?;
        let Some(member) = self.members.get(index) else { return Err(not_joined()) };
        if !member.pass.grants.can_be(change.role) {
            let message = "role: the access token of that member does not let it be host";
            return Err(ErrorBody::new(ErrorCode::Forbidden, message));
        }
        let others = self.members.iter().filter(|other| other.id != change.member);
        if change.role != Role::Host && member.role == Role::Host && !others.into_iter().any(Resident::is_host) {
            return Err(ErrorBody::new(
                ErrorCode::Forbidden,
                "role: it is the only host; make somebody else host first",
            ));
        }
        let by = self.id_of(by);
        self.set_role(index, change.role, by.as_ref());
        // In a room that had nobody who could be host, it may now.
        self.seat_host();
        Ok(Done {})
    }

    fn set_role(&mut self, index: usize, role: Role, by: Option<&MemberId>) {
        self.change(index, None, |member| member.role = role);
        if self.enforce(index, by) {
            self.restage();
        }
    }

    pub(super) fn has_host(&self) -> bool {
        self.members.iter().any(Resident::is_host)
    }

    /// Gives a room without a host the one of its members that has been here longest and may be host.
    pub(super) fn seat_host(&mut self) {
        if self.has_host() {
            return;
        }
        let heir = |present: bool| {
            self.members.iter().position(|member| member.can_inherit() && (!present || member.link.is_some()))
        };
        if let Some(index) = heir(true).or_else(|| heir(false)) {
            self.set_role(index, Role::Host, None);
        }
    }

    /// Stops what a member publishes and no longer may, and tells it what it may do now. True when its sources changed.
    fn enforce(&mut self, index: usize, by: Option<&MemberId>) -> bool {
        let rules = self.facts.rules;
        let Some(member) = self.members.get_mut(index) else { return false };
        let excess = member.media.kinds().without(member.standing(rules).publishable());
        let now = member.permissions(rules);
        let (could_admit, news) = (member.permitted.moderate, member.permitted != now);
        member.permitted = now;
        if news {
            member.tell(&Push::Permissions(now));
        }
        if news && now.moderate && !could_admit && !self.knocks.waiting.is_empty() {
            self.tell_knocks(index);
        }
        self.stop(index, excess, true, by)
    }

    fn enforce_all(&mut self, by: Option<&MemberId>) {
        let mut changed = false;
        for index in 0..self.members.len() {
            changed |= self.enforce(index, by);
        }
        if changed {
            self.restage();
        }
    }

    /// Switches off what a member publishes of `kinds`, in both planes. The caller restages when true is returned.
    fn stop(&mut self, index: usize, kinds: KindSet, forbidden: bool, by: Option<&MemberId>) -> bool {
        let Some(member) = self.members.get(index) else { return false };
        let stopped = member.media.kinds().intersection(kinds);
        if stopped.is_empty() {
            return false;
        }
        self.change(index, None, |member| member.media = member.media.without(stopped));
        self.put_sources(index);
        if let Some(member) = self.members.get(index) {
            member.tell(&Push::Muted(Muted { kinds: stopped, by: by.cloned(), forbidden }));
        }
        true
    }

    pub(super) fn mute(&mut self, link: LinkId, mute: &Mute) -> Result<Done, ErrorBody> {
        let by = self.permitted(link, Action::Moderate)?;
        check_kinds(mute.kinds)?;
        let chosen = mute.member.as_ref().map(|id| self.named(id)).transpose()?;
        let by = self.id_of(by);
        let mut changed = false;
        match chosen {
            Some(index) => {
                changed |= self.stop(index, mute.kinds, mute.forbid, by.as_ref());
                if mute.forbid {
                    self.change(index, None, |member| member.forbidden = member.forbidden.union(mute.kinds));
                    changed |= self.enforce(index, by.as_ref());
                }
            }
            None => {
                for index in 0..self.members.len() {
                    if self.members.get(index).is_some_and(|member| member.role != Role::Host) {
                        changed |= self.stop(index, mute.kinds, mute.forbid, by.as_ref());
                    }
                }
                if mute.forbid {
                    let before = self.facts;
                    self.facts.rules.set(mute.kinds, false);
                    self.facts_changed(before, by.as_ref());
                }
            }
        }
        if changed {
            self.restage();
        }
        Ok(Done {})
    }

    pub(super) fn allow(&mut self, link: LinkId, allow: &Allow) -> Result<Done, ErrorBody> {
        let by = self.permitted(link, Action::Moderate)?;
        check_kinds(allow.kinds)?;
        let by = self.id_of(by);
        match &allow.member {
            Some(id) => {
                let index = self.named(id)?;
                self.change(index, None, |member| member.forbidden = member.forbidden.without(allow.kinds));
                self.enforce(index, by.as_ref());
            }
            None => {
                let before = self.facts;
                self.facts.rules.set(allow.kinds, true);
                self.facts_changed(before, by.as_ref());
            }
        }
        Ok(Done {})
    }

    pub(super) fn expel(&mut self, link: LinkId, remove: &Remove) -> Result<Done, ErrorBody> {
        let by = self.permitted(link, Action::Moderate)?;
        let index = self.named(&remove.member)?;
        if index == by {
            return Err(ErrorBody::new(ErrorCode::BadRequest, "member: that is the caller; `leave` is for that"));
        }
        self.send_away(index, remove.ban);
        Ok(Done {})
    }

    /// Removes a member for good; with `ban` it does not come back while the room lives.
    pub(super) fn send_away(&mut self, index: usize, ban: bool) {
        let Some(member) = self.members.get_mut(index) else { return };
        if ban {
            self.bans.add(member.pass.subject.as_ref(), member.address);
        }
        let link = member.link.take();
        self.remove(index, LeaveReason::Removed);
        if let Some(link) = link {
            let (reason, message) = match ban {
                true => (FarewellReason::Banned, "a host has banned you from this room"),
                false => (FarewellReason::Removed, "a host has removed you from this room"),
            };
            link.outbox.dismiss(Farewell { reason, message: message.to_owned() });
        }
    }

    pub(super) fn end(&mut self, link: LinkId) -> Result<Vec<Link>, ErrorBody> {
        self.permitted(link, Action::End)?;
        Ok(self.end_for_all())
    }

    /// Removes everybody, also those at the door. Returns whom to say farewell to.
    pub(super) fn end_for_all(&mut self) -> Vec<Link> {
        self.kept_until = None;
        // Without its link nobody is told of the others' going.
        let mut links: Vec<_> = self.members.iter_mut().filter_map(|member| member.link.take()).collect();
        links.extend(self.waiting.drain().map(|waiter| waiter.link));
        while !self.members.is_empty() {
            self.remove(self.members.len() - 1, LeaveReason::Removed);
        }
        links
    }

    pub(super) fn admit_waiting(&mut self, link: LinkId, admit: &Admit, now: Instant) -> Result<Done, ErrorBody> {
        self.permitted(link, Action::Admit)?;
        if self.waiting.admit(admit.id.as_ref(), now) { Ok(Done {}) } else { Err(nobody_waits()) }
    }

    pub(super) fn deny_waiting(&mut self, link: LinkId, deny: &Deny, now: Instant) -> Result<Done, ErrorBody> {
        self.permitted(link, Action::Admit)?;
        if self.waiting.deny(&deny.id, now) { Ok(Done {}) } else { Err(nobody_waits()) }
    }
}

fn nobody_waits() -> ErrorBody {
    ErrorBody::new(ErrorCode::NoSuchMember, "id: nobody of that id waits; `knocks` says who does")
}

pub(super) fn forbidden(denied: Denied) -> ErrorBody {
    ErrorBody::new(ErrorCode::Forbidden, denied.to_string())
}

fn check_kinds(kinds: KindSet) -> Result<(), ErrorBody> {
    match kinds.is_empty() {
        true => Err(ErrorBody::new(ErrorCode::BadRequest, "kinds: name at least one")),
        false => Ok(()),
    }
}
