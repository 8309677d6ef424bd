/** Painted people for screenshots. The functions run in the page: they are sent there as text. */

/** Gives the page painters of people and of a slide, and a camera that shows one of the people. */
export function installPeople() {
  const rooms = [['#5b4a3f', '#7a6656'], ['#33475b', '#48617a'], ['#4a5440', '#65735a'], ['#57404f', '#77586b'], ['#3d4d4d', '#577070'], ['#5a5140', '#7d7259']];
  const clothes = ['#b5573f', '#3f6fb5', '#e0c068', '#5c8f6b', '#8c6bb1', '#d9d2c5', '#2f3a45', '#c98aa0'];
  const skins = ['#f1c9a5', '#d9a37a', '#8d5a3b', '#f5d6bd', '#b97a50'];
  const hairs = ['#2a1d16', '#5b3a20', '#101010', '#a98553', '#6e6e6e'];
  const round = (c, x, y, rx, ry, fill) => {
    c.fillStyle = fill;
    c.beginPath();
    c.ellipse(x, y, rx, ry, 0, 0, 7);
    c.fill();
  };
  const person = (c, index) => {
    const [wall, light] = rooms[index % rooms.length];
    const glow = c.createLinearGradient(0, 0, 1280, 720);
    glow.addColorStop(0, light);
    glow.addColorStop(1, wall);
    c.fillStyle = glow;
    c.fillRect(0, 0, 1280, 720);
    c.fillStyle = 'rgb(255 255 255 / 10%)';
    c.fillRect(index % 2 ? 80 : 980, 70, 220, 300);
    c.fillStyle = 'rgb(0 0 0 / 12%)';
    c.fillRect(0, 560, 1280, 160);
    const lean = ((index * 37) % 60) - 30;
    const [skin, hair] = [skins[(index * 3) % skins.length], hairs[(index * 2) % hairs.length]];
    if (index % 2) round(c, 640 + lean, 350, 168, 230, hair);
    round(c, 640, 800, 340, 290, clothes[(index * 5) % clothes.length]);
    c.fillStyle = skin;
    c.fillRect(590 + lean, 430, 100, 110);
    round(c, 640 + lean, 540, 62, 40, skin);
    round(c, 640 + lean, 330, 118, 152, skin);
    c.fillStyle = hair;
    c.beginPath();
    c.ellipse(640 + lean, 262, 132, 104, 0, Math.PI, 0);
    c.quadraticCurveTo(700 + lean, 216, 640 + lean, 232);
    c.quadraticCurveTo(560 + lean, 222, 508 + lean, 262);
    c.fill();
    for (const side of [-1, 1]) round(c, 640 + lean + side * 42, 332, 9, 11, '#20180f');
    c.strokeStyle = 'rgb(90 40 30 / 70%)';
    c.lineWidth = 7;
    c.lineCap = 'round';
    c.beginPath();
    c.arc(640 + lean, 380, 36, 0.4, Math.PI - 0.4);
    c.stroke();
  };
  const slide = (c) => {
    c.fillStyle = '#fff';
    c.fillRect(0, 0, 1280, 720);
    c.fillStyle = '#14181b';
    c.font = '600 60px sans-serif';
    c.fillText('Quarterly plan', 90, 140);
    for (let line = 0; line < 7; line++) {
      c.fillStyle = '#cfd5da';
      c.fillRect(90, 210 + line * 54, 300 + ((line * 211) % 260), 16);
    }
    ['#2459d6', '#7ba3ff', '#c7d7fb', '#2459d6', '#7ba3ff'].forEach((colour, bar) => {
      const high = [180, 260, 220, 330, 390][bar];
      c.fillStyle = colour;
      c.fillRect(760 + bar * 86, 600 - high, 58, high);
    });
  };

  window.__paint = (paint) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1280, 720];
    const c = canvas.getContext('2d');
    paint(c);
    setInterval(() => paint(c), 200);
    return canvas.captureStream(5).getVideoTracks()[0];
  };
  window.__person = (index) => window.__paint((c) => person(c, index));
  window.__slide = () => window.__paint(slide);
  const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (!open) return;
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    const [camera] = stream.getVideoTracks();
    if (!camera) return stream;
    const painted = window.__person(7);
    const settings = camera.getSettings();
    painted.getSettings = () => ({ ...settings, width: 1280, height: 720 });
    camera.stop();
    return new MediaStream([...stream.getAudioTracks(), painted]);
  };
}

/** Puts people, and what they present, into the first `count` seats. */
export function fillSeats(count) {
  const { room } = window.__plenum;
  const others = room.members.filter(({ id }) => id !== room.me);
  const sources = [...others.filter(({ screen }) => screen.video).map(({ screen }) => screen), ...others.filter(({ camera }) => camera.video).map(({ camera }) => camera)];
  sources.slice(0, count).forEach((source, index) => {
    const seat = room.seats[index];
    if (!seat) return;
    const track = room.owner(source.id)?.kind === 'screen' ? window.__slide() : window.__person(index);
    seat.use({ track, getContributingSources: () => [{ source: source.id, timestamp: 1, rtpTimestamp: 1 }] });
    seat.seat(source.id);
  });
}
