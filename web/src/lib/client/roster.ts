/** The members of the room, as snapshot and diffs tell them; refuses a diff that does not follow. */
import { OPEN_ROOM } from './moderation';
import type { Member, MemberId, RoomDiff, RoomFacts, RoomSnapshot, SourceId } from './protocol.gen';

export type SourceKind = 'camera' | 'screen';

export interface Owner {
  member: Member;
  kind: SourceKind;
}

export class Roster {
  #members = new Map<MemberId, Member>();
  #owners = new Map<SourceId, Owner>();
  #revision = -1;
  /** What holds for the whole room. */
  facts: RoomFacts = OPEN_ROOM;

  get revision(): number {
    return this.#revision;
  }

  /** In the order of joining. */
  get members(): Member[] {
    return [...this.#members.values()];
  }

  member(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  /** Whose source this is. */
  owner(source: SourceId): Owner | undefined {
    return this.#owners.get(source);
  }

  replace(snapshot: RoomSnapshot): void {
    this.#members = new Map(snapshot.members.map((member) => [member.id, member]));
    this.#revision = snapshot.revision;
    this.facts = factsOf(snapshot);
    this.#index();
  }

  /** How a diff relates to what is known: it `follows`, some were missed (`gap`: ask for a snapshot), or it is `stale`. */
  judge(diff: RoomDiff): 'follows' | 'stale' | 'gap' {
    if (diff.revision <= this.#revision) return 'stale';
    return diff.since > this.#revision ? 'gap' : 'follows';
  }

  /** Applies a diff that follows: each of its changes says how things are now. */
  apply(diff: RoomDiff): 'applied' | 'stale' | 'gap' {
    const outcome = this.judge(diff);
    if (outcome !== 'follows') return outcome;
    this.#revision = diff.revision;
    for (const change of diff.changes) {
      if (change.kind === 'left') this.#members.delete(change.member);
      else if (change.kind === 'room') this.facts = factsOf(change);
      else this.#members.set(change.member.id, change.member);
    }
    this.#index();
    return 'applied';
  }

  #index(): void {
    this.#owners.clear();
    for (const member of this.#members.values()) {
      this.#owners.set(member.camera.id, { member, kind: 'camera' });
      this.#owners.set(member.screen.id, { member, kind: 'screen' });
    }
  }
}

function factsOf({ listed, locked, password, waitingRoom, rules }: RoomFacts): RoomFacts {
  return { listed, locked, password, waitingRoom, rules };
}
