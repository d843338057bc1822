// Beats for a page: timers of hidden tabs run once a minute, those of a worker do not.
let timer = null;
onmessage = ({ data: seconds }) => {
  clearInterval(timer);
  timer = setInterval(() => postMessage("beat"), seconds * 1000);
};
