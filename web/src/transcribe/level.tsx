import { useEffect, useRef } from "preact/hooks";

const BARS = 48;
const BAR_PX = 4;
const GAP_PX = 3;
const HEIGHT_PX = 56;
const INTERVAL_MS = 60;

/** How loud the microphone is, as bars that wander to the left. */
export function Level({ stream }: { stream: MediaStream }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const levels: number[] = new Array(BARS).fill(0);
    const timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      levels.shift();
      levels.push(rms(samples));
      if (canvas.current !== null) draw(canvas.current, levels);
    }, INTERVAL_MS);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [stream]);
  return (
    <canvas
      ref={canvas}
      class="level"
      width={BARS * (BAR_PX + GAP_PX)}
      height={HEIGHT_PX}
      aria-hidden="true"
    />
  );
}

function rms(samples: Float32Array): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

function draw(canvas: HTMLCanvasElement, levels: readonly number[]): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = getComputedStyle(canvas).color;
  levels.forEach((level, i) => {
    const height = Math.max(3, Math.min(1, level * 4) * canvas.height);
    context.beginPath();
    context.roundRect(i * (BAR_PX + GAP_PX), (canvas.height - height) / 2, BAR_PX, height, 2);
    context.fill();
  });
}
