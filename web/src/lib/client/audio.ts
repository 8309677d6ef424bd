/**
 * The page's one AudioContext, for meters alone: what is received never passes it, since browsers cancel the echo only of
 * what their own elements play.
 */

let context: AudioContext | undefined;
let users = 0;

/** The context, running if the browser lets it; to be given back by {@link returnAudio}. */
export function borrowAudio(): AudioContext {
  context ??= new AudioContext();
  users += 1;
  void context.resume().catch(() => undefined);
  return context;
}

export function returnAudio(): void {
  users -= 1;
  // A context that runs costs a phone's battery.
  if (users === 0) void context?.suspend().catch(() => undefined);
}

/** To be called from a click, where browsers start what they held back. */
export async function wakeAudio(): Promise<void> {
  if (users > 0) await context?.resume().catch(() => undefined);
}
