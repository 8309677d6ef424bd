/** Small things the browser remembers: for good, or for this tab. Never throws where storage is off. */

export function keep(area: 'local' | 'session', key: string, value: unknown): void {
  try {
    const storage = area === 'local' ? localStorage : sessionStorage;
    if (value === undefined) storage.removeItem(`plenum.${key}`);
    else storage.setItem(`plenum.${key}`, JSON.stringify(value));
  } catch {
    // Forgetting is fine.
  }
}

export function kept<T>(area: 'local' | 'session', key: string): T | undefined {
  try {
    const storage = area === 'local' ? localStorage : sessionStorage;
    return (JSON.parse(storage.getItem(`plenum.${key}`) ?? 'null') as T | null) ?? undefined;
  } catch {
    return undefined;
  }
}
