/** The page in Korean. */
import type { DeviceFailure, DeviceKind } from '$client/index';
import type { Words } from './words.en';

/** With their object particles, so that sentences read right. */
const devices: Record<DeviceKind, string> = { microphone: '마이크를', camera: '카메라를', screen: '화면을' };
const bare: Record<DeviceKind, string> = { microphone: '마이크', camera: '카메라', screen: '화면' };

export const ko: Words = {
  language: '한국어',
  people: (count) => `${count}명`,
  you: '나',
  youAfterName: (name) => `${name} (나)`,
  cancel: '취소',
  close: '닫기',
  home: {
    title: '통화 시작',
    name: '이름',
    namePlaceholder: '다른 사람에게 보일 이름',
    create: '새 방 만들기',
    listed: '공개 목록에 올리기',
    listedHint: '올리지 않으면 링크를 아는 사람만 들어올 수 있습니다.',
    joinTitle: '방에 참여',
    join: '참여',
    joinPlaceholder: '방 이름 또는 링크',
    rooms: '공개된 방',
    roomsLoading: '방을 찾고 있습니다…',
    roomsLost: '서버에 연결할 수 없습니다. 다시 시도하고 있습니다…',
    roomsEmpty: '지금은 공개된 방이 없습니다',
    roomsEmptyHint: '공개 목록에 올린 방은 여기에서 누구나 볼 수 있습니다.',
  },
  insecure: {
    title: '안전하지 않은 주소로 열린 페이지입니다',
    text: '브라우저는 https 페이지에서만 카메라와 마이크를 허용합니다. 이대로 참여해 보기만 하거나 안전한 주소로 여세요.',
    textNoUrl: '브라우저는 https 페이지에서만 카메라와 마이크를 허용합니다. 보기만 하는 참여는 가능합니다.',
  },
  green: {
    title: '참여할 준비가 되셨나요?',
    room: '방',
    join: '지금 참여',
    without: '장치 없이 참여',
    allow: '카메라와 마이크 사용',
    allowHint: '브라우저가 권한을 물어봅니다.',
    asking: '권한을 기다리고 있습니다. 브라우저의 질문을 확인해 주세요.',
    cameraOff: '카메라가 꺼져 있습니다',
    microphone: '마이크',
    camera: '카메라',
    speaker: '스피커',
    systemDefault: '시스템 기본값',
    unnamed: (index) => `장치 ${index}`,
    level: '마이크 음량',
    back: '뒤로',
  },
  call: {
    mute: '음소거',
    unmute: '음소거 해제',
    cameraOn: '카메라 켜기',
    cameraOff: '카메라 끄기',
    share: '화면 공유',
    stopShare: '공유 중지',
    raise: '손들기',
    lower: '손 내리기',
    more: '더보기',
    leave: '통화 나가기',
    peopleTitle: '참여자',
    chat: '채팅',
    devices: '장치',
    copy: '링크 복사',
    copied: '링크를 복사했습니다',
    bar: '통화 도구',
    alone: '아직 혼자입니다',
    aloneHint: '링크를 보내면 여는 사람이 바로 들어옵니다.',
    joining: '참여하고 있습니다…',
    connecting: '소리와 영상을 연결하고 있습니다…',
    reconnecting: '연결이 끊겼습니다. 다시 연결하고 있습니다…',
    reconnectingMedia: '소리와 영상이 중단되었습니다. 복구하고 있습니다…',
    memberReconnecting: '다시 연결 중…',
    blocked: '브라우저가 이 페이지의 소리를 막고 있습니다.',
    unblock: '소리 켜기',
    presenting: (name) => `${name} 님이 발표 중`,
    youPresent: '발표 중입니다',
    screenOf: (name) => `${name} 님의 화면`,
    yourScreen: '내 화면',
    unsupported: '이 브라우저에서는 이 영상을 볼 수 없습니다',
    paused: '연결이 느려 영상을 잠시 멈췄습니다',
    draining: '서버가 곧 다시 시작됩니다. 잠시 후 다시 참여해야 할 수 있습니다.',
    joined: (name) => `${name} 님이 들어왔습니다`,
    left: (name) => `${name} 님이 나갔습니다`,
    lost: (name) => `${name} 님의 연결이 끊겼습니다`,
    hand: (name) => `${name} 님이 손을 들었습니다`,
    muted: '음소거됨',
    pageNext: '다음 쪽',
    pageBack: '이전 쪽',
    page: (page, pages) => `${page} / ${pages}`,
    rename: '이름 바꾸기',
    save: '저장',
  },
  chat: {
    empty: '아직 메시지가 없습니다',
    emptyHint: '메시지는 지금 방에 있는 사람에게만 보이고 저장되지 않습니다.',
    placeholder: '메시지 쓰기',
    placeholderTo: (name) => `${name} 님에게만 쓰기`,
    send: '보내기',
    to: '받는 사람',
    everyone: '모두',
    privateFrom: '나에게만',
    privateTo: (name) => `${name} 님에게만`,
    failed: '보내지 못했습니다. 다시 시도해 주세요.',
    unread: (count) => `새 메시지 ${count}개`,
  },
  end: {
    left: '통화에서 나왔습니다',
    replaced: '다른 창에서 통화를 이어 갔습니다',
    failed: '통화를 계속할 수 없습니다',
    refused: '참여할 수 없습니다',
    again: '다시 참여',
    home: '처음으로',
  },
  device: {
    title: (device) => `${bare[device]} 없음`,
    failure: (device: DeviceKind, failure: DeviceFailure): string => {
      const it = devices[device];
      switch (failure) {
        case 'denied':
          return `이 페이지는 ${it} 사용할 수 없습니다. 브라우저의 페이지 설정에서 허용한 뒤 다시 시도하세요.`;
        case 'system':
          return `운영체제가 이 브라우저의 ${bare[device]} 사용을 막고 있습니다. 시스템의 개인정보 설정에서 허용하세요.`;
        case 'dismissed':
          return device === 'screen' ? '화면을 공유하지 않습니다.' : `${bare[device]} 권한 질문이 닫혔습니다. 다시 시도해 ‘허용’을 선택하세요.`;
        case 'busy':
          return `다른 프로그램이 ${it} 사용하고 있습니다. 그 프로그램을 닫고 다시 시도하세요.`;
        case 'none':
          return `${it} 찾지 못했습니다. 장치를 연결하거나 없이 참여하세요.`;
        case 'insecure':
        case 'unsupported':
          return device === 'screen' ? '이 브라우저에서는 화면을 공유할 수 없습니다.' : `브라우저는 https 페이지에서만 ${it} 허용합니다.`;
        default:
          return `${it} 열 수 없습니다. 다시 시도하거나 다른 장치를 선택하세요.`;
      }
    },
    retry: '다시 시도',
  },
  error: {
    offline: '서버에 연결할 수 없습니다. 네트워크 연결을 확인하세요.',
    no_answer: '서버가 제때 응답하지 않았습니다.',
    bad_request: '페이지와 서버가 서로 맞지 않습니다. 페이지를 새로고침하세요.',
    unknown_event: '페이지와 서버가 서로 맞지 않습니다. 페이지를 새로고침하세요.',
    protocol_mismatch: '페이지와 서버의 버전이 다릅니다. 페이지를 새로고침하세요.',
    not_joined: '더 이상 방에 있지 않습니다. 다시 참여하세요.',
    already_joined: '이미 방에 있습니다.',
    bad_name: '사용할 수 없는 이름입니다. 1~64자로 입력하세요.',
    room_full: '방이 가득 찼습니다.',
    draining: '서버가 곧 다시 시작되어 지금은 참여할 수 없습니다. 잠시 후 다시 시도하세요.',
    no_such_member: '그 사람은 더 이상 방에 없습니다.',
    bad_sdp: '이 브라우저와 서버 사이에 소리와 영상을 보낼 방법을 찾지 못했습니다.',
    rate_limited: '요청이 너무 많습니다. 잠시 후 다시 시도하세요.',
    too_large: '너무 깁니다.',
    timeout: '제때 응답이 없었습니다.',
    internal: '서버에 문제가 생겼습니다. 다시 시도하세요.',
  },
};
