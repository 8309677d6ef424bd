import assert from 'node:assert/strict';
import { lightBehaviour } from '../harness/behaviour.mjs';
import { joinAll } from '../harness/calls.mjs';

const LINE = '안녕하세요, 반갑습니다';
const SECRET = '너에게만';

lightBehaviour('chat carries Korean, Enter that ends a syllable sends nothing, and a private line reaches one member', async (stage) => {
  const { origin } = await stage.server();
  const minjun = stage.bot({ name: '김민준', browser: 'chromium', hue: 0 });
  const seoyeon = stage.bot({ name: '이서연', browser: 'firefox', hue: 120 });
  const grace = stage.bot({ name: 'Grace', browser: 'firefox', hue: 240 });
  await joinAll([minjun, seoyeon, grace], origin, '한국어 방');
  for (const bot of [minjun, seoyeon, grace]) await bot.press('Chat');

  await composeKorean(minjun, LINE);
  assert.deepEqual(await linesOf(minjun), [], 'Enter that ended the composition sent the line');
  assert.equal(await minjun.run(() => document.querySelector('textarea').value), LINE);
  await minjun.page.keyboard.press('Enter');
  for (const bot of [minjun, seoyeon, grace]) await bot.reads(LINE);

  await seoyeon.page.focus('textarea');
  await pressEnterWhileComposing(seoyeon, SECRET);
  assert.deepEqual(await linesOf(seoyeon), [LINE]);
  const option = await seoyeon.run((name) => [...document.querySelectorAll('.to option')].find((one) => one.text === name).value, grace.name);
  await seoyeon.page.select('.to select', option);
  await seoyeon.page.focus('textarea');
  await seoyeon.page.keyboard.press('Enter');
  await grace.reads(SECRET);
  await grace.reads('only to you');
  await seoyeon.reads('only to Grace');
  // What comes later reaches everybody: had the private line gone to all, it would have come before.
  await grace.writes('later');
  for (const bot of [minjun, grace]) await bot.reads('later');
  assert.deepEqual(await linesOf(minjun), [LINE, 'later']);
  assert.deepEqual(await linesOf(grace), [LINE, SECRET, 'later']);
});

/** Chromium's own input method path: a composition, and the Enter that ends it with key code 229. */
async function composeKorean(bot, text) {
  if ((await bot.page.browser().version()).startsWith('Firefox')) return pressEnterWhileComposing(bot, text);
  await bot.page.focus('textarea');
  const devtools = await bot.page.createCDPSession();
  await devtools.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
  await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Process', code: 'Enter', windowsVirtualKeyCode: 229 });
  await devtools.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 });
  await devtools.send('Input.insertText', { text });
  await devtools.detach();
}

/** The same events, as an input method in Firefox and in Safari makes them. */
async function pressEnterWhileComposing(bot, text) {
  await bot.run((typed) => {
    const field = document.querySelector('textarea');
    field.dispatchEvent(new CompositionEvent('compositionstart', { bubbles: true }));
    field.value = typed;
    field.dispatchEvent(new InputEvent('input', { bubbles: true, isComposing: true }));
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }));
    field.dispatchEvent(new CompositionEvent('compositionend', { data: typed, bubbles: true }));
    field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true }));
  }, text);
}

function linesOf(bot) {
  return bot.run(() => [...document.querySelectorAll('[role=log] .text')].map((line) => line.textContent));
}
