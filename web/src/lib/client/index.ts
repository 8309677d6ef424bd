/** The client library: everything a page needs for a call, and nothing of any framework. */
export type { DataMessage } from './data';
export type { DeviceChange, DeviceList } from './devices';
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
export type { TrackKind } from './lines';
export type { LinkState } from './link';
export { Lobby } from './lobby';
export { LocalMedia, type Input, type LocalEvents, type ScreenInput } from './local';
export type * from './protocol.gen';
export { POOR_SCORE, type NetworkTrouble } from './score';
export { randomRoom } from './random';
export { Room, type DataChannelName, type RoomEvents, type RoomOptions, type RoomState, type Tracks } from './room';
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
