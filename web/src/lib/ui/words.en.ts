/** The page in English; the shape of every other dictionary. */
import type { DeviceFailure, DeviceKind, RequestFailure } from '$client/index';

const people = (count: number): string => (count === 1 ? '1 person' : `${count} people`);

const devices: Record<DeviceKind, string> = { microphone: 'microphone', camera: 'camera', screen: 'screen' };

export const en = {
  language: 'English',
  people,
  you: 'You',
  youAfterName: (name: string) => `${name} (you)`,
  cancel: 'Cancel',
  close: 'Close',
  home: {
    title: 'Start a call',
    name: 'Your name',
    namePlaceholder: 'How others see you',
    create: 'New room',
    listed: 'List this room publicly',
    listedHint: 'Otherwise only people with the link find it.',
    joinTitle: 'Join a room',
    join: 'Join',
    joinPlaceholder: 'Room name or link',
    rooms: 'Public rooms',
    roomsLoading: 'Looking for rooms…',
    roomsLost: 'The server cannot be reached. Trying again…',
    roomsEmpty: 'No public rooms right now',
    roomsEmptyHint: 'A room that you list publicly appears here for everyone.',
  },
  insecure: {
    title: 'This page was opened insecurely',
    text: 'Browsers hand out camera and microphone to https pages only. You can join and watch, or open the secure address:',
    textNoUrl: 'Browsers hand out camera and microphone to https pages only. You can still join and watch.',
  },
  green: {
    title: 'Ready to join?',
    room: 'Room',
    join: 'Join now',
    without: 'Join without devices',
    allow: 'Use camera and microphone',
    allowHint: 'Your browser will ask for permission.',
    asking: 'Waiting for your permission. Look for the question of your browser.',
    cameraOff: 'Camera is off',
    microphone: 'Microphone',
    camera: 'Camera',
    speaker: 'Speaker',
    systemDefault: 'System default',
    unnamed: (index: number) => `Device ${index}`,
    level: 'Microphone level',
    back: 'Back',
  },
  call: {
    mute: 'Mute',
    unmute: 'Unmute',
    cameraOn: 'Turn camera on',
    cameraOff: 'Turn camera off',
    share: 'Share screen',
    stopShare: 'Stop sharing',
    raise: 'Raise hand',
    lower: 'Lower hand',
    more: 'More',
    leave: 'Leave call',
    peopleTitle: 'People',
    chat: 'Chat',
    devices: 'Devices',
    copy: 'Copy link',
    copied: 'Link copied',
    bar: 'Call controls',
    alone: 'You are the only one here',
    aloneHint: 'Share the link, and whoever opens it joins you.',
    joining: 'Joining…',
    connecting: 'Connecting sound and picture…',
    reconnecting: 'Connection lost. Reconnecting…',
    reconnectingMedia: 'Sound and picture were interrupted. Restoring them…',
    memberReconnecting: 'Reconnecting…',
    blocked: 'Your browser keeps this page silent until you allow it.',
    unblock: 'Turn sound on',
    presenting: (name: string) => `${name} is presenting`,
    youPresent: 'You are presenting',
    screenOf: (name: string) => `${name}’s screen`,
    yourScreen: 'Your screen',
    unsupported: 'Your browser cannot decode this picture',
    paused: 'Paused: your connection is too slow',
    draining: 'This server is about to restart. You may have to join again in a moment.',
    joined: (name: string) => `${name} joined`,
    left: (name: string) => `${name} left`,
    lost: (name: string) => `${name} lost the connection`,
    hand: (name: string) => `${name} raised a hand`,
    muted: 'Muted',
    pageNext: 'Next page',
    pageBack: 'Previous page',
    page: (page: number, pages: number) => `${page} of ${pages}`,
    rename: 'Change your name',
    save: 'Save',
  },
  chat: {
    empty: 'No messages yet',
    emptyHint: 'Messages are for those who are in the room now; they are not kept.',
    placeholder: 'Write a message',
    placeholderTo: (name: string) => `Write to ${name} only`,
    send: 'Send',
    to: 'To',
    everyone: 'Everyone',
    privateFrom: 'only to you',
    privateTo: (name: string) => `only to ${name}`,
    failed: 'Not sent. Please try again.',
    unread: (count: number) => (count === 1 ? '1 new message' : `${count} new messages`),
  },
  end: {
    left: 'You left the call',
    replaced: 'You went on in another window',
    failed: 'The call could not go on',
    refused: 'You could not join',
    again: 'Join again',
    home: 'Back to home',
  },
  device: {
    title: (device: DeviceKind) => `No ${devices[device]}`,
    failure: (device: DeviceKind, failure: DeviceFailure): string => {
      const it = devices[device];
      switch (failure) {
        case 'denied':
          return `This page may not use your ${it}. Allow it in the browser’s settings for this page, then try again.`;
        case 'system':
          return `Your operating system keeps the ${it} from this browser. Allow it in the system’s privacy settings.`;
        case 'dismissed':
          return device === 'screen' ? 'Nothing is being shared.' : `The question for your ${it} was closed. Try again and choose “Allow”.`;
        case 'busy':
          return `Another program is using your ${it}. Close it there, then try again.`;
        case 'none':
          return `No ${it} was found. Connect one, or join without it.`;
        case 'insecure':
        case 'unsupported':
          return device === 'screen' ? 'This browser cannot share its screen here.' : `Browsers hand out a ${it} to https pages only.`;
        default:
          return `Your ${it} could not be opened. Try again, or choose another one.`;
      }
    },
    retry: 'Try again',
  },
  error: {
    offline: 'The server cannot be reached. Check your network connection.',
    no_answer: 'The server did not answer in time.',
    bad_request: 'The page and the server do not understand each other. Reload the page.',
    unknown_event: 'The page and the server do not understand each other. Reload the page.',
    protocol_mismatch: 'This page is older or newer than the server. Reload it.',
    not_joined: 'You are no longer in the room. Join again.',
    already_joined: 'You are in a room already.',
    bad_name: 'This name cannot be used. Use 1 to 64 letters.',
    room_full: 'The room is full.',
    draining: 'The server is about to restart and takes nobody in. Try again in a moment.',
    no_such_member: 'That person is no longer in the room.',
    bad_sdp: 'Your browser and the server found no common way to send sound and picture.',
    rate_limited: 'Too many requests. Wait a second and try again.',
    too_large: 'That is too long.',
    timeout: 'There was no answer in time.',
    internal: 'The server made a mistake. Try again.',
  } satisfies Record<RequestFailure, string>,
};

export type Words = typeof en;
