/** The client library: everything a page needs for a call, and nothing of any framework. */
export type { AppAnswer } from './apps';
export { checkConnection, type CheckOptions, type ConnectionCheck } from './check';
export { VIDEO_CODECS, isVideoCodec, type VideoCodec } from './codecs';
export type { DataMessage } from './data';
export type { DeviceChange, DeviceList } from './devices';
export type { SoundOptions } from './dtx';
export { Emitter, type Listener } from './emitter';
export {
  DeviceError,
  NetworkError,
  PlenumError,
  RequestError,
  type DeviceFailure,
  type DeviceKind,
  type NetworkFailure,
  type RequestFailure,
} from './errors';
export { LevelMeter } from './level';
export { connectMediaKeys } from './keys';
export type { LinkState } from './link';
export { Lobby, type LobbyEvents } from './lobby';
export { LocalMedia, type Input, type LocalEvents, type ScreenInput } from './local';
export { Moderation, type MuteOptions } from './moderation';
export type * from './protocol.gen';
export { POOR_SCORE, type NetworkTrouble } from './score';
export { Playback, type PlaybackEvents } from './playback';
export { randomRoom } from './random';
export { Room } from './room';
export type { Owner, SourceKind } from './roster';
export type { ScreenPurpose } from './screen';
export type { Seat } from './seat';
export type {
  AudioStatistics,
  CallStatistics,
  ConnectionStatistics,
  FlowStatistics,
  LayerStatistics,
  SourceStatistics,
  VideoStatistics,
} from './statistics';
export type { DataChannelName, RoomEvents, RoomOptions, RoomState, Tracks } from './types';
export { Viewport } from './viewport';
export { CAMERA_PRIORITY, SCREEN_PRIORITY } from './wishes';
