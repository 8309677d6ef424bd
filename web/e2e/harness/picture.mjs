/**
 * What bots send instead of cameras: a hue that is the bot's own, and a frame counter that a machine can read. Both
 * survive scaling and compression. The functions run in pages: they are sent there as text and use nothing around them.
 */

/**
 * Makes `window.__draw(options)`, which returns a canvas that paints a frame of its own `fps` times a second. With `busy`
 * something moves at the bottom that costs as many bits as an encoder gives.
 */
export function installPainter() {
  const noise = () => {
    const [canvas, size] = [document.createElement('canvas'), 128];
    Object.assign(canvas, { width: size, height: size / 4 });
    const image = new ImageData(size, size / 4);
    image.data.forEach((_, index) => (image.data[index] = index % 4 === 3 ? 255 : Math.random() * 256));
    canvas.getContext('2d').putImageData(image, 0, 0);
    return canvas;
  };
  window.__draw = ({ hue, width, height, fps, busy = false }) => {
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext('2d', { alpha: false });
    const crowd = busy ? noise() : undefined;
    let counter = 0;
    const paint = () => {
      counter = (counter + 1) % 4096;
      pen.fillStyle = `hsl(${hue} 100% 50%)`;
      pen.fillRect(0, 0, width, height);
      // Twelve bits of the counter and four that check them, as black and white blocks across the middle.
      const check = (counter & 15) ^ ((counter >> 4) & 15) ^ (counter >> 8) ^ 10;
      const bits = (counter << 4) | check;
      for (let block = 0; block < 16; block++) {
        pen.fillStyle = (bits >> (15 - block)) & 1 ? '#fff' : '#000';
        pen.fillRect((block * width) / 16, height * 0.4, width / 16 + 1, height * 0.25);
      }
      if (crowd) pen.drawImage(crowd, -Math.random() * 256, height * 0.7, width + 256, height * 0.3);
    };
    paint();
    const timer = setInterval(paint, 1000 / fps);
    const track = canvas.captureStream(fps).getVideoTracks()[0];
    track.stop = () => {
      clearInterval(timer);
      MediaStreamTrack.prototype.stop.call(track);
    };
    return track;
  };
}

/** Makes `window.__read(video)`: hue and counter of the frame on the screen, or null when no frame can be read. */
export function installReader() {
  const canvas = new OffscreenCanvas(16, 9);
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  window.__read = (video) => {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (width < 32 || height < 18) return null;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    pen.drawImage(video, 0, 0, width, height);
    const average = (x, y, w, h) => {
      const { data } = pen.getImageData(Math.round(x), Math.round(y), Math.max(1, Math.round(w)), Math.max(1, Math.round(h)));
      const sum = [0, 0, 0];
      for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
      return sum.map((part) => part / (data.length / 4));
    };
    const hueOf = ([red, green, blue]) => {
      const most = Math.max(red, green, blue);
      const spread = most - Math.min(red, green, blue);
      if (spread < 60) return null;
      const sixth = most === red ? (green - blue) / spread : most === green ? 2 + (blue - red) / spread : 4 + (red - green) / spread;
      return Math.round((sixth * 60 + 360) % 360);
    };
    let bits = 0;
    for (let block = 0; block < 16; block++) {
      const [red, green, blue] = average(((block + 0.35) * width) / 16, height * 0.48, (width / 16) * 0.3, height * 0.09);
      bits = (bits << 1) | (red + green + blue > 382 ? 1 : 0);
    }
    const counter = bits >> 4;
    const check = (counter & 15) ^ ((counter >> 4) & 15) ^ (counter >> 8) ^ 10;
    const hue = hueOf(average(width * 0.25, height * 0.1, width * 0.5, height * 0.2));
    if (hue === null || check !== (bits & 15)) return null;
    return { hue, counter, width, height };
  };
}
