/** The client library: everything a page needs for a call, and nothing of any framework. */
export type { DataMessage } from './data';
export { DeviceError, RequestError, type DeviceFailure, type DeviceKind, type RequestFailure } from './errors';
export { LevelMeter } from './level';
export type { TrackKind } from './lines';
export type { LinkState } from './link';
export { Lobby } from './lobby';
export { LocalMedia, type DeviceList, type Input } from './local';
export type * from './protocol.gen';
export { POOR_SCORE, type NetworkTrouble } from './score';
export { randomRoom } from './random';
export { Room, type DataChannelName, type RoomEvents, type RoomOptions, type RoomState, type Tracks } from './room';
export type { Owner, SourceKind } from './roster';
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
