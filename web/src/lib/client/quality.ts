/** How well we hear and see others, and who does not hear or see us: the latest of what the server said of each. */
import type { Member, MemberTrouble, Quality, SourceId, SourceQuality } from './protocol.gen';

export class QualityBoard {
  #received = new Map<SourceId, SourceQuality>();
  #troubles: MemberTrouble[] = [];

  /** By source; what is not in it is muted, off or not for us. */
  get received(): ReadonlyMap<SourceId, SourceQuality> {
    return this.#received;
  }

  /** Members who do not hear or see us though they should. */
  get troubles(): readonly MemberTrouble[] {
    return this.#troubles;
  }

  hear({ sources }: Quality): void {
    for (const quality of sources) {
      const { source, sound, picture, soundTrouble, pictureTrouble, layer } = quality;
      const known = [sound, picture, soundTrouble, pictureTrouble, layer].some((said) => said !== null);
      if (known) this.#received.set(source, quality);
      else this.#received.delete(source);
    }
  }

  complain(trouble: MemberTrouble): void {
    const { source, member, sound, picture } = trouble;
    this.#troubles = this.#troubles.filter((other) => other.source !== source || other.member !== member);
    if (sound !== null || picture !== null) this.#troubles.push(trouble);
  }

  /** A member that left has no trouble any more, and gives none. */
  forget({ id, camera, screen }: Member): void {
    this.#troubles = this.#troubles.filter(({ member }) => member !== id);
    this.#received.delete(camera.id);
    this.#received.delete(screen.id);
  }

  clear(): void {
    this.#received.clear();
    this.#troubles = [];
  }
}
