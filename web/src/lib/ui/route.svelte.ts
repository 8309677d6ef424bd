/** Which page the address names: home, or a room. */
import { roomFrom, roomPath } from './names';

interface HistoryState {
  listed?: boolean;
}

class Route {
  path = $state(location.pathname);

  constructor() {
    addEventListener('popstate', () => (this.path = location.pathname));
  }

  /** The room behind `/r/`, or nothing at home. */
  get room(): string | undefined {
    return this.path.startsWith('/r/') ? roomFrom(this.path) || undefined : undefined;
  }

  /** The one who opens a new room decides whether it is listed. */
  get listed(): boolean {
    return (history.state as HistoryState | null)?.listed === true;
  }

  enter(room: string, listed = false): void {
    this.#go(roomPath(room), { listed });
  }

  home(): void {
    this.#go('/', {});
  }

  #go(path: string, state: HistoryState): void {
    history.pushState(state, '', path);
    this.path = location.pathname;
  }
}

export const route = new Route();
