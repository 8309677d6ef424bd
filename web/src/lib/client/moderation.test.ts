import { expect, it } from 'vitest';
import { Moderation } from './moderation';

function hosts(): { moderation: Moderation; asked: [string, object][] } {
  const asked: [string, object][] = [];
  const request = async (event: string, body: object): Promise<object> => {
    asked.push([event, body]);
    return {};
  };
  return { asked, moderation: new Moderation({ request } as never) };
}

it('a host silences one or all, their microphones if nothing else is said, and allows again', async () => {
  const { moderation, asked } = hosts();
  await moderation.mute('ada');
  await moderation.muteAll(['camera'], { forbid: true });
  await moderation.allow('ada', ['microphone']);
  await moderation.allowAll();
  expect(asked).toEqual([
    ['mute', { member: 'ada', kinds: ['microphone'], forbid: false }],
    ['mute', { kinds: ['camera'], forbid: true }],
    ['allow', { member: 'ada', kinds: ['microphone'] }],
    ['allow', { kinds: ['microphone', 'camera', 'screen', 'screenAudio'] }],
  ]);
});

it('a host decides who comes, stays and goes', async () => {
  const { moderation, asked } = hosts();
  await moderation.admit('k1');
  await moderation.admitAll();
  await moderation.deny('k2');
  await moderation.remove('ada');
  await moderation.ban('ada');
  await moderation.setRole('ada', 'host');
  await moderation.lock(true);
  await moderation.setPassword('');
  await moderation.end();
  expect(asked).toEqual([
    ['admit', { id: 'k1' }],
    ['admit', {}],
    ['deny', { id: 'k2' }],
    ['remove', { member: 'ada' }],
    ['remove', { member: 'ada', ban: true }],
    ['role', { member: 'ada', role: 'host' }],
    ['settings', { locked: true }],
    ['settings', { password: '' }],
    ['end', {}],
  ]);
});
