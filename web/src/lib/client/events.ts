/** The Socket.IO event maps over the generated payload types: which event takes what and is acknowledged with what. */
import type * as p from './protocol.gen';

/** Version of the contract that this client speaks; the server refuses another. */
export const PROTOCOL = 1;

export type Acknowledgement<T> = ({ ok: true } & T) | { ok: false; error: p.ErrorBody };

/** Every request: its payload and what a success carries. */
export interface Requests {
  join: [p.Join, p.Joined];
  leave: [p.Leave, object];
  snapshot: [p.Snapshot, { room: p.RoomSnapshot }];
  offer: [p.Offer, p.Answer];
  media: [p.Media, object];
  wishes: [p.Wishes, object];
  rename: [p.Rename, object];
  hand: [p.Hand, object];
  chat: [p.ChatSend, { id: number; at: number }];
  react: [p.React, object];
  settings: [p.Settings, object];
  role: [p.ChangeRole, object];
  mute: [p.Mute, object];
  allow: [p.Allow, object];
  remove: [p.Remove, object];
  end: [p.End, object];
  admit: [p.Admit, object];
  deny: [p.Deny, object];
  lobby: [p.Lobby, { rooms: p.PublicRoom[] }];
}

export interface Pushes {
  room: p.RoomDiff;
  seats: p.Seats;
  paused: p.Paused;
  quality: p.Quality;
  trouble: p.MemberTrouble;
  layers: p.Layers;
  speakers: p.Speakers;
  chat: p.ChatLine;
  reactions: p.Reactions;
  permissions: p.Permissions;
  muted: p.Muted;
  waiting: p.Waiting;
  knocks: p.Knocks;
  rooms: p.RoomsDiff;
  connection: p.Connection;
  farewell: p.Farewell;
}

export type ClientToServerEvents = {
  [E in keyof Requests]: (body: Requests[E][0], acknowledge: (reply: Acknowledgement<Requests[E][1]>) => void) => void;
};

export type ServerToClientEvents = { [E in keyof Pushes]: (body: Pushes[E]) => void };
