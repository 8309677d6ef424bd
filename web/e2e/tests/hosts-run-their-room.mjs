import { lightBehaviour } from '../harness/behaviour.mjs';
import { until } from '../harness/until.mjs';

/** Goes through the green room, and is not in the call yet. */
async function knocks(bot, origin, room) {
  await bot.open(`${origin}/r/${room}`);
  await bot.enterName();
  await bot.press('Use camera and microphone');
  await bot.press('Join now');
}

async function hostControls(bot) {
  await bot.press('More');
  await bot.chooses('Host controls');
  await bot.reads('Who comes in');
}

/** Turns a switch by what stands beside it. */
function switches(bot, label) {
  return bot.run((wanted) => [...document.querySelectorAll('input[role=switch]')].find((input) => input.closest('label').innerText.startsWith(wanted)).click(), label);
}

async function enters(bot, password) {
  await bot.page.waitForSelector('input[type=password]');
  await bot.page.type('input[type=password]', password);
}

lightBehaviour('a host mutes, lets in, turns away, removes and ends, and everybody is told', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'chromium', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240, tone: 880 });
  const linus = stage.bot({ name: 'Linus', browser: 'chromium', hue: 120, tone: 660 });
  const bea = stage.bot({ name: 'Bea', browser: 'chromium', hue: 60, tone: 550 });
  for (const bot of [ada, grace]) await bot.join(origin, 'hosted');
  await ada.hears(grace);

  await ada.press('People (2)');
  await ada.press('More: Grace');
  await ada.chooses('Mute');
  await grace.reads('A host muted you.');
  await ada.hearsTone('Grace', null);
  await grace.press('Unmute');
  await ada.hears(grace);

  await grace.press('React');
  await grace.press('Applause');
  await until('the applause to be seen by Ada', () => ada.run(() => document.querySelector('.all')?.textContent.includes('👏')));

  await hostControls(ada);
  await switches(ada, 'Waiting room');
  await until('the room to have a waiting room', () => ada.run(() => window.__plenum.room.facts.waitingRoom));
  await knocks(linus, origin, 'hosted');
  await linus.reads('Somebody has to let you in');
  await ada.reads('Linus wants to join');
  await ada.press('Let in');
  await linus.joined();
  await ada.sees(linus);

  await knocks(bea, origin, 'hosted');
  await ada.reads('Bea wants to join');
  await ada.press('Look');
  await ada.press('Deny Bea');
  await bea.reads('Nobody let you in.');

  await ada.press('More: Linus');
  await ada.chooses('Remove');
  await linus.reads('A host sent you away');
  await ada.seesTilesOf(grace);

  await hostControls(ada);
  await ada.press('End the call for all');
  await ada.reads('Everybody is sent away, and the room is closed.');
  await ada.press('End the call for all');
  await grace.reads('The host ended the call');
});

lightBehaviour('a password keeps out who does not know it, and what members may not do is said', async (stage) => {
  const { origin } = await stage.server();
  const ada = stage.bot({ name: 'Ada', browser: 'firefox', hue: 0, tone: 440 });
  const grace = stage.bot({ name: 'Grace', browser: 'chromium', hue: 240, tone: 880 });
  await ada.join(origin, 'secret');
  await hostControls(ada);
  await enters(ada, 'open sesame');
  await ada.press('Set password');
  await until('the room to have a password', () => ada.run(() => window.__plenum.room.facts.password));
  await switches(ada, 'Use the camera');
  await until('the room to have the rule', () => ada.run(() => window.__plenum.room.facts.rules.camera === false), { lastSeen: () => ada.run(() => window.__plenum.room.facts) });

  await knocks(grace, origin, 'secret');
  await grace.reads('This room has a password');
  await enters(grace, 'open barley');
  await grace.press('Join');
  await grace.reads('The password is another one.');
  await enters(grace, 'open sesame');
  await grace.press('Join');
  await grace.joined();
  await ada.hears(grace);
  await ada.seesNoPicture('Grace');
  await grace.press('Turn camera on');
  await grace.reads('You may not turn your camera on in this room.');
  await ada.seesNoPicture('Grace');
});
