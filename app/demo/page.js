// Runs once for each part of the page that is made of HTML: `element` is the part, `trigger` sends an event to the server,
// `watch` calls back when the server has sent new HTML.

// Gradio builds each part anew that an event could have changed: so there is an event for each set of parts.
const kind = (action) => {
  if (action === 'open') return 'select';
  if (action === 'own') return 'upload';
  return document.querySelector('[role=tab][data-tab-id=shop][aria-selected=true]') ? 'click' : 'input';
};
const send = (action, more) => trigger(kind(action), {action, item: '', place: -1, to: -1, title: '', data: '', ...more});
const later = (call) => requestAnimationFrame(() => requestAnimationFrame(call));

let last = null;
let chosen = '';

element.addEventListener('click', (event) => {
  const target = event.target.closest('[data-action]');
  if (!target || target.disabled) return;
  const {action, item = '', place = -1} = target.dataset;
  last = {action, item};
  if (action !== 'open') target.closest('dialog')?.close();
  const form = target.closest('[data-form]');
  const field = form?.querySelector('input[type=text]');
  send(action, {item, place: +place, title: field?.value ?? '', data: action === 'own' ? chosen : ''});
  if (action === 'own') {
    field.value = '';
    choose('');
  }
});

// Who opens the form will want something read: the server gets ready meanwhile.
element.addEventListener('toggle', (event) => {
  if (event.target.matches('.own[open]')) fetch('own', {method: 'POST'});
}, true);

element.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && event.target.matches('[data-form] input[type=text]')) {
    event.target.closest('[data-form]').querySelector('[data-action]').click();
  }
});

// Who works with the keyboard finds the same button again after the part was replaced.
watch('value', () => later(() => {
  const strip = element.querySelector('.strip');
  if (strip && last?.action !== 'earlier' && last?.action !== 'later') strip.scrollLeft = strip.scrollWidth;
  const dialog = element.querySelector('dialog');
  if (dialog && !dialog.open) dialog.showModal();
  if (last && document.activeElement === document.body) {
    const same = [...element.querySelectorAll(`[data-action="${last.action}"]`)];
    (same.find((one) => one.dataset.item === last.item) ?? same[0])?.focus({preventScroll: true});
  }
  endless();
}));

// Products of the history are dragged to where they should stand.
let dragged = null;
element.addEventListener('dragstart', (event) => {
  dragged = event.target.closest?.('.strip li') ?? null;
  if (dragged) event.dataTransfer.effectAllowed = 'move';
});
element.addEventListener('dragover', (event) => {
  if ((dragged && event.target.closest('.strip')) || event.target.closest('.drop')) event.preventDefault();
});
element.addEventListener('drop', (event) => {
  if (event.target.closest('.drop')) {
    event.preventDefault();
    read(event.dataTransfer.files[0]);
    return;
  }
  const onto = event.target.closest('.strip li');
  if (dragged && onto && onto !== dragged) {
    event.preventDefault();
    last = null;
    send('move', {place: +dragged.dataset.place, to: +onto.dataset.place});
  }
  dragged = null;
});

// The catalogue goes on when its end comes into sight.
const seen = 'IntersectionObserver' in window && new IntersectionObserver(async (entries) => {
  const end = entries.find((entry) => entry.isIntersecting)?.target;
  if (!end || end.dataset.asked) return;
  end.dataset.asked = 'yes';
  const query = end.closest('[data-query]').dataset.query;
  const answer = await fetch(`cards?${query}&offset=${end.dataset.next}`);
  if (answer.ok && end.isConnected) {
    end.insertAdjacentHTML('afterend', await answer.text());
    end.remove();
    endless();
  }
}, {rootMargin: '600px'});
const endless = () => element.querySelectorAll('[data-next]').forEach((end) => seen?.observe(end));

// One's own picture is made small here: no large file leaves the browser. Files of visits are read as they are.
const MOST_PIXELS = 640;
const choose = (picture, word) => {
  chosen = picture;
  const shown = element.querySelector('.drop img');
  shown.hidden = !picture;
  if (picture) shown.src = picture;
  element.querySelector('.drop span').textContent = word ?? (picture ? 'Another picture' : 'Drop a picture, or choose one');
};
const read = async (file) => {
  if (!file) return;
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, MOST_PIXELS / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    choose(canvas.toDataURL('image/jpeg', 0.9));
  } catch {
    choose('', 'This file is not a picture');
  }
};
element.addEventListener('change', async (event) => {
  if (event.target.type !== 'file') return;
  const file = event.target.files[0];
  if (event.target.dataset.reads === 'text') {
    if (file && file.size < 4e6) send('read', {data: await file.text()});
    else if (file) send('read', {data: ''});
  } else await read(file);
  event.target.value = '';
});

// What stands at a dot of the map.
element.addEventListener('mousemove', (event) => {
  const dot = event.target.closest?.('circle[data-item]');
  const tip = element.querySelector('.tip');
  if (!tip) return;
  tip.hidden = !dot;
  if (!dot) return;
  if (tip.dataset.item !== dot.dataset.item) {
    tip.dataset.item = dot.dataset.item;
    const picture = document.createElement('img');
    picture.src = `thumbnails/${dot.dataset.row}`;
    picture.alt = '';
    picture.onerror = () => picture.remove();
    tip.replaceChildren(picture, dot.dataset.title);
  }
  const box = element.getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX - box.left + 14, box.width - 150)}px`;
  tip.style.top = `${event.clientY - box.top + 14}px`;
});

endless();
