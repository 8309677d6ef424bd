/** What the server says about itself at `GET /api/info`. */

export interface ServerInfo {
  /** An https address of this server that a browser trusts with devices, if there is one. */
  secureUrl?: string;
}

export async function serverInfo(): Promise<ServerInfo> {
  try {
    const reply = await fetch('/api/info', { headers: { accept: 'application/json' } });
    const body: unknown = await reply.json();
    return body && typeof body === 'object' ? (body as ServerInfo) : {};
  } catch {
    return {};
  }
}
