// What the panel says, in English and Russian. `{name}` is filled in; a value
// that is a list has a form for each plural (CLDR: one, few, many, other).

const STORED = "latchkey.language";

const WORDS = {
  en: {
    admin: "Admin panel",
    language: "Language",
    loading: "Loading",
    retry: "Try again",
    retry_in: "Try again in {seconds} s",
    cancel: "Cancel",
    save: "Save",
    saved: "Saved",
    offline_banner: "No connection. What you see may be out of date.",
    sign_out: "Sign out",
    signed_out: "You are signed out.",
    signed_out_here: "Signed out here, but the server could not be told.",
    you_are: "Signed in as {phone}",

    sign_in: "Sign in",
    sign_in_text: "For moderators and admins. We text a code to your phone.",
    phone: "Phone number",
    phone_hint: "As you would dial it, or with + and the country.",
    send_code: "Text me a code",
    sign_in_again: "You signed in a while ago, and this takes a fresh sign-in. Sign in once more, and it goes on.",
    enter_code: "Enter the code",
    enter: "Sign in",
    code_sent: "A code of {length} digits is on its way to {phone}.",
    code: "Code",
    attempts_left: ["{count} try left.", "{count} tries left."],
    attempts_none: "Ask for a new code.",
    resend: "Text a new code",
    resend_in: "A new code in {seconds} s",
    code_resent: "A new code is on its way.",
    other_phone: "Use another number",

    no_rights: "No rights here",
    no_rights_text: "{phone} is neither a moderator’s number nor an admin’s. Ask an admin to promote you.",
    check_again: "Check again",

    users: "Users",
    search: "Phone or invite code",
    find: "Find",
    clear: "Clear",
    role: "Role",
    status: "Status",
    any: "All",
    role_user: "User",
    role_moderator: "Moderator",
    role_admin: "Admin",
    status_active: "Active",
    status_banned: "Banned",
    refresh: "Refresh",
    show_more: "Show more",
    shown: ["{count} shown", "{count} shown"],
    shown_all: ["{count} in all", "{count} in all"],
    added: ["{count} more", "{count} more"],
    none_found: "Nobody found",
    none_found_text: "Nobody fits what you look for. A phone must be complete.",
    no_users: "Nobody yet",
    no_users_text: "Whoever signs in first will be listed here.",
    invite_code_is: "invite code",
    signed_up_on: "signed up",
    you: "You",

    numbers: "Last days",
    days: "Period",
    days_count: ["{count} day", "{count} days"],
    sign_ups: "Sign-ups",
    codes: "Codes entered of those texted",
    texted: "texted",
    entered: "entered",
    referrals: "Referrals",
    today: "{count} today",
    no_codes: "none texted",
    share_entered: "{share} entered",
    chart: "{name}, {days}: {total} in all, {most} at most, on {day}; {today} today.",
    chart_codes: "Codes, {days}: {texted} texted, {entered} entered; today {texted_today} texted, {entered_today} entered.",

    guard: "Guard",
    pages: "Pages",
    proving: "Working out a proof that this is no robot. It takes some seconds.",
    texts_today: "Texts today (UTC)",
    texts_to_strangers: "Of these, to unknown devices",
    texts_by_proof: "Of these, by proof of work",
    of_most: "of {most}",
    guard_off: "The guard is off: GuardStocks is 0.",
    places: "Short and paused numbers",
    no_places: "All numbers have texts.",
    no_country: "Numbers of no country",
    width_block: "Block: all but the last four digits",
    width_range: "Range: all but the last six digits",
    width_country: "Country",
    state_proof_required: "Asks for a proof",
    state_paused: "Paused",
    reason_unentered: "More texts were sent than codes were entered.",
    reason_spent: "Its texts are used up, and few codes were entered.",
    reason_spent_before: "It was used up on days before.",
    reason_full: "It has had all the texts of a day.",
    place_left: ["{count} text left", "{count} texts left"],
    place_proofs: ["{count} by proof", "{count} by proof"],
    place_sent: ["{count} sent today", "{count} sent today"],
    place_opens: "opens {when}",
    open: "Open",
    open_place: "Open {place}",
    open_title: "Open {place}?",
    open_text: "Whoever asks there is texted again, and what was remembered of the days before is forgotten.",
    opened: "{place} is open.",

    back: "Users",
    person: "Person",
    about: "Profile",
    email: "E-mail",
    city: "City",
    telegram: "Telegram",
    signed_up: "Signed up",
    user_id: "Id",
    copy_id: "Copy the id",
    copied: "Copied",
    referrer: "Invited by",
    entered_code: "with code {code}",
    referrer_gone: "Somebody whose account is gone",
    nobody: "Nobody",
    remove_avatar: "Remove the picture",
    avatar_removed: "The picture is removed.",

    invite: "Invite code",
    invite_uses: ["Entered {count} time", "Entered {count} times"],
    invite_live: "In force",
    invite_revoked: "Revoked",
    invite_expired: "Expired",
    invite_used_up: "Used up",
    max_uses: "How often it may be entered",
    no_limit: "No limit",
    expires_at: "Until",
    expires_hint: "In your time. Empty: for ever.",
    revoke_invite: "Revoke",
    restore_invite: "Put back in force",
    redraw: "Draw another",
    redraw_title: "Draw another invite code?",
    redraw_text: "{code} stops working for good and will never be anybody’s again. The new one starts without limits.",
    redrawn: "The new code is {code}.",

    referrals_title: "Invited",
    referrals_none: "Nobody has entered this person’s code.",
    sessions: "Signed in on",
    sessions_none: "Not signed in anywhere.",
    device_unknown: "Unnamed device",
    session_current: "This one",
    session_since: "since {since}",
    session_seen: "seen {seen}",
    end_session: "Sign out",
    end_session_of: "Sign out {device}",
    session_over: "Signed out: {device}.",

    rights: "Rights",
    this_is_you: "This is your own account. Another admin can change its role, ban or delete it.",
    role_changed: "The role is {role} now.",
    admin_title: "Make {phone} an admin?",
    admin_text: "Admins see everybody and may ban, delete and promote.",
    make_admin: "Make an admin",
    ban: "Ban",
    ban_title: "Ban {phone}?",
    ban_text: "All devices are signed out at once, and nobody can sign in with this number until you lift it.",
    banned: "Banned, and signed out everywhere.",
    unban: "Lift the ban",
    unbanned: "The ban is lifted.",
    delete: "Delete the account",
    delete_title: "Delete {phone}?",
    delete_text: "Profile, picture, sessions and invite code are removed for good. There is no way back.",
    delete_typed: "Type {phone} to confirm",
    deleted: "{phone} is deleted.",

    problems: {
      offline: "No connection to the server.",
      slow: "The server did not answer in time.",
      throttled: "Too many requests at once.",
      broken: "The server broke. Please report it with the time.",
      malformed_json: "The server did not understand the request.",
      missing_token: "Sign in first.",
      invalid_token: "You were signed out. Sign in again.",
      session_ended: "You were signed out. Sign in again.",
      invalid_refresh_token: "You were signed out. Sign in again.",
      proof_required: "A text to this number takes a proof of work, which failed. Try again.",
      recent_sign_in_required: "This takes a fresh sign-in.",
      forbidden: "You have no rights to do this.",
      account_banned: "This account is banned.",
      not_found: "There is nothing here.",
      user_not_found: "There is no such person; the account may be deleted.",
      session_not_found: "This device was signed out already.",
      avatar_not_found: "There is no such picture.",
      invite_code_not_found: "There is no such invite code.",
      method_not_allowed: "This cannot be done here.",
      invite_already_activated: "An invite code was entered already.",
      invite_loop: "Two people cannot invite each other.",
      phone_taken: "Another account has this number.",
      body_too_large: "This is too large.",
      unsupported_media_type: "The server does not take this kind of data.",
      invalid_request: "Something is filled in wrong.",
      invalid_phone: "This is not a number that can be texted.",
      country_not_allowed: "Numbers of this country are not texted.",
      invalid_code: "This is not the code.",
      own_invite_code: "This is one’s own invite code.",
      invalid_cursor: "The list has changed. Refresh it.",
      invalid_image: "This picture cannot be used.",
      idempotency_mismatch: "The request changed on the way. Try again.",
      resend_too_soon: "A code was sent a moment ago.",
      too_many_codes: "Too many codes were sent to this number.",
      too_many_guesses: "Too many wrong codes were entered for this number.",
      too_many_requests: "Too many requests came from your address.",
      too_many_invite_guesses: "Too many wrong invite codes were entered.",
      texts_paused: "No texts are sent right now.",
      text_not_sent: "The text could not be sent.",
      outcome_unknown: "The answer was lost. It is safe to try again.",
      unavailable: "The server cannot answer right now.",
    },
  },
  ru: {
    admin: "Панель администратора",
    language: "Язык",
    loading: "Загрузка",
    retry: "Повторить",
    retry_in: "Повторить через {seconds} с",
    cancel: "Отмена",
    save: "Сохранить",
    saved: "Сохранено",
    offline_banner: "Нет связи. Данные на экране могли устареть.",
    sign_out: "Выйти",
    signed_out: "Вы вышли.",
    signed_out_here: "Вы вышли здесь, но сообщить об этом серверу не удалось.",
    you_are: "Вы вошли как {phone}",

    sign_in: "Вход",
    sign_in_text: "Для модераторов и администраторов. Пришлём код в SMS.",
    phone: "Номер телефона",
    phone_hint: "Как вы его набираете, или с + и кодом страны.",
    send_code: "Получить код",
    sign_in_again: "Вы вошли довольно давно, а для этого нужен новый вход. Войдите ещё раз, и действие продолжится.",
    enter_code: "Введите код",
    enter: "Войти",
    code_sent: "Код из {length} цифр отправлен на {phone}.",
    code: "Код",
    attempts_left: ["Осталась {count} попытка.", "Осталось {count} попытки.", "Осталось {count} попыток."],
    attempts_none: "Запросите новый код.",
    resend: "Прислать новый код",
    resend_in: "Новый код через {seconds} с",
    code_resent: "Новый код отправлен.",
    other_phone: "Другой номер",

    no_rights: "Нет прав",
    no_rights_text: "{phone} — не номер модератора или администратора. Попросите администратора дать вам права.",
    check_again: "Проверить ещё раз",

    users: "Пользователи",
    search: "Телефон или код приглашения",
    find: "Найти",
    clear: "Сбросить",
    role: "Роль",
    status: "Статус",
    any: "Все",
    role_user: "Пользователь",
    role_moderator: "Модератор",
    role_admin: "Администратор",
    status_active: "Активен",
    status_banned: "Заблокирован",
    refresh: "Обновить",
    show_more: "Показать ещё",
    shown: ["Показан {count}", "Показано {count}", "Показано {count}"],
    shown_all: ["Всего {count}", "Всего {count}", "Всего {count}"],
    added: ["Добавлен {count}", "Добавлено {count}", "Добавлено {count}"],
    none_found: "Никого не нашли",
    none_found_text: "Под запрос никто не подходит. Телефон нужен полностью.",
    no_users: "Пока никого",
    no_users_text: "Здесь появится первый, кто войдёт.",
    invite_code_is: "код приглашения",
    signed_up_on: "регистрация",
    you: "Вы",

    numbers: "За последние дни",
    days: "Период",
    days_count: ["{count} день", "{count} дня", "{count} дней"],
    sign_ups: "Регистрации",
    codes: "Введено кодов из отправленных",
    texted: "отправлено",
    entered: "введено",
    referrals: "Приглашения",
    today: "{count} сегодня",
    no_codes: "не отправляли",
    share_entered: "введено {share}",
    chart: "{name}, {days}: всего {total}, больше всего — {most}, {day}; сегодня {today}.",
    chart_codes: "Коды, {days}: отправлено {texted}, введено {entered}; сегодня отправлено {texted_today}, введено {entered_today}.",

    guard: "Защита",
    pages: "Разделы",
    proving: "Подтверждаем, что вы не робот. Это займёт несколько секунд.",
    texts_today: "SMS сегодня (UTC)",
    texts_to_strangers: "Из них незнакомым устройствам",
    texts_by_proof: "Из них за вычисления",
    of_most: "из {most}",
    guard_off: "Защита выключена: GuardStocks равен 0.",
    places: "Номера, где SMS кончились",
    no_places: "SMS хватает всем номерам.",
    no_country: "Номера без страны",
    width_block: "Блок: все цифры, кроме последних четырёх",
    width_range: "Диапазон: все цифры, кроме последних шести",
    width_country: "Страна",
    state_proof_required: "Нужны вычисления",
    state_paused: "Приостановлены",
    reason_unentered: "SMS отправлено больше, чем введено кодов.",
    reason_spent: "SMS исчерпаны, а кодов введено мало.",
    reason_spent_before: "SMS были исчерпаны в прошлые дни.",
    reason_full: "Отправлено столько SMS, сколько положено на день.",
    place_left: ["осталась {count} SMS", "осталось {count} SMS", "осталось {count} SMS"],
    place_proofs: ["за вычисления — {count}", "за вычисления — {count}", "за вычисления — {count}"],
    place_sent: ["сегодня отправлена {count}", "сегодня отправлено {count}", "сегодня отправлено {count}"],
    place_opens: "откроется {when}",
    open: "Открыть",
    open_place: "Открыть {place}",
    open_title: "Открыть {place}?",
    open_text: "Там снова будут приходить SMS, а прошлые дни забудутся.",
    opened: "Открыто: {place}.",

    back: "Пользователи",
    person: "Пользователь",
    about: "Профиль",
    email: "Почта",
    city: "Город",
    telegram: "Telegram",
    signed_up: "Регистрация",
    user_id: "Id",
    copy_id: "Скопировать id",
    copied: "Скопировано",
    referrer: "Кто пригласил",
    entered_code: "по коду {code}",
    referrer_gone: "Пригласивший удалил аккаунт",
    nobody: "Никто",
    remove_avatar: "Удалить фото",
    avatar_removed: "Фото удалено.",

    invite: "Код приглашения",
    invite_uses: ["Введён {count} раз", "Введён {count} раза", "Введён {count} раз"],
    invite_live: "Действует",
    invite_revoked: "Отозван",
    invite_expired: "Истёк",
    invite_used_up: "Исчерпан",
    max_uses: "Сколько раз можно ввести",
    no_limit: "Без ограничений",
    expires_at: "До",
    expires_hint: "По вашему времени. Пусто — бессрочно.",
    revoke_invite: "Отозвать",
    restore_invite: "Вернуть в действие",
    redraw: "Выдать другой",
    redraw_title: "Выдать другой код приглашения?",
    redraw_text: "{code} навсегда перестанет работать и больше никому не достанется. Новый код начнёт без ограничений.",
    redrawn: "Новый код — {code}.",

    referrals_title: "Кого пригласил",
    referrals_none: "Код этого человека никто не вводил.",
    sessions: "Где вошёл",
    sessions_none: "Нигде не вошёл.",
    device_unknown: "Устройство без имени",
    session_current: "Это устройство",
    session_since: "с {since}",
    session_seen: "был {seen}",
    end_session: "Завершить",
    end_session_of: "Завершить сеанс: {device}",
    session_over: "Сеанс завершён: {device}.",

    rights: "Права",
    this_is_you: "Это ваш аккаунт. Сменить ему роль, заблокировать или удалить его может другой администратор.",
    role_changed: "Теперь роль — {role}.",
    admin_title: "Сделать {phone} администратором?",
    admin_text: "Администраторы видят всех, могут блокировать, удалять и давать права.",
    make_admin: "Сделать администратором",
    ban: "Заблокировать",
    ban_title: "Заблокировать {phone}?",
    ban_text: "Все устройства сразу выйдут, и с этим номером нельзя будет войти, пока вы не снимете блокировку.",
    banned: "Заблокирован, все сеансы завершены.",
    unban: "Разблокировать",
    unbanned: "Блокировка снята.",
    delete: "Удалить аккаунт",
    delete_title: "Удалить {phone}?",
    delete_text: "Профиль, фото, сеансы и код приглашения исчезнут навсегда. Вернуть их нельзя.",
    delete_typed: "Введите {phone} для подтверждения",
    deleted: "{phone} удалён.",

    problems: {
      offline: "Нет связи с сервером.",
      slow: "Сервер не ответил вовремя.",
      throttled: "Слишком много запросов сразу.",
      broken: "Сервер сломался. Сообщите об этом, указав время.",
      malformed_json: "Сервер не понял запрос.",
      missing_token: "Сначала войдите.",
      invalid_token: "Сеанс завершён. Войдите ещё раз.",
      session_ended: "Сеанс завершён. Войдите ещё раз.",
      invalid_refresh_token: "Сеанс завершён. Войдите ещё раз.",
      proof_required: "Чтобы отправить SMS на этот номер, нужны вычисления, и они не удались. Повторите.",
      recent_sign_in_required: "Для этого нужно войти заново.",
      forbidden: "На это у вас нет прав.",
      account_banned: "Этот аккаунт заблокирован.",
      not_found: "Здесь ничего нет.",
      user_not_found: "Такого человека нет; возможно, аккаунт удалён.",
      session_not_found: "Этот сеанс уже завершён.",
      avatar_not_found: "Такого фото нет.",
      invite_code_not_found: "Такого кода приглашения нет.",
      method_not_allowed: "Здесь этого сделать нельзя.",
      invite_already_activated: "Код приглашения уже введён.",
      invite_loop: "Двое не могут пригласить друг друга.",
      phone_taken: "Этот номер у другого аккаунта.",
      body_too_large: "Слишком большой объём.",
      unsupported_media_type: "Сервер не принимает такие данные.",
      invalid_request: "Что-то заполнено неверно.",
      invalid_phone: "На такой номер нельзя отправить SMS.",
      country_not_allowed: "На номера этой страны SMS не отправляются.",
      invalid_code: "Код не подходит.",
      own_invite_code: "Это собственный код приглашения.",
      invalid_cursor: "Список изменился. Обновите его.",
      invalid_image: "Это фото не подходит.",
      idempotency_mismatch: "Запрос изменился по пути. Повторите.",
      resend_too_soon: "Код только что отправлен.",
      too_many_codes: "На этот номер отправлено слишком много кодов.",
      too_many_guesses: "Для этого номера введено слишком много неверных кодов.",
      too_many_requests: "С вашего адреса слишком много запросов.",
      too_many_invite_guesses: "Введено слишком много неверных кодов приглашения.",
      texts_paused: "Сейчас SMS не отправляются.",
      text_not_sent: "Не удалось отправить SMS.",
      outcome_unknown: "Ответ потерялся. Повторить безопасно.",
      unavailable: "Сервер сейчас не может ответить.",
    },
  },
};

export const LANGUAGES = Object.keys(WORDS);
const FORMS = { en: ["one", "other"], ru: ["one", "few", "many"] };

let current = LANGUAGES.find((language) => language === localStorage.getItem(STORED)) ?? preferred();

function preferred() {
  const wanted = navigator.languages.map((tag) => tag.split("-")[0]);
  return wanted.find((language) => language in WORDS) ?? "en";
}

export function language() {
  return current;
}

export function speak(language) {
  current = language;
  localStorage.setItem(STORED, language);
}

/** The words of a key; `count` chooses the plural. */
export function t(key, values = {}) {
  let text = WORDS[current][key];
  if (Array.isArray(text)) {
    const form = FORMS[current].indexOf(new Intl.PluralRules(current).select(values.count));
    text = text[form === -1 ? text.length - 1 : form];
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value;
  });
}

/** What a failure means to a person. */
export function explained({ code, retryAfter, problem }) {
  const problems = WORDS[current].problems;
  const words = [problems[code] ?? problems.broken];
  const left = problem?.attempts_left;
  if (typeof left === "number") words.push(left === 0 ? t("attempts_none") : t("attempts_left", { count: left }));
  if (retryAfter > 0) words.push(`${t("retry_in", { seconds: retryAfter })}.`);
  return words.join(" ");
}

export function number(value) {
  return new Intl.NumberFormat(current).format(value);
}

export function percent(value) {
  return new Intl.NumberFormat(current, { style: "percent" }).format(value);
}

export function time(text) {
  return new Intl.DateTimeFormat(current, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text));
}

/** A country by its two letters, or `none`. */
export function country(code) {
  return code === "none" ? t("no_country") : new Intl.DisplayNames(current, { type: "region" }).of(code);
}

/** A day that came as `2026-11-21`, wherever the reader is. */
export function day(text, style = { day: "numeric", month: "long" }) {
  return new Intl.DateTimeFormat(current, { ...style, timeZone: "UTC" }).format(new Date(`${text}T00:00Z`));
}

/** Three hours ago, yesterday, or a date. */
export function ago(text) {
  const seconds = (Date.now() - new Date(text)) / 1000;
  const relative = new Intl.RelativeTimeFormat(current, { numeric: "auto" });
  if (seconds < 60) return relative.format(0, "second");
  if (seconds < 3_600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (seconds < 86_400) return relative.format(-Math.floor(seconds / 3_600), "hour");
  if (seconds < 7 * 86_400) return relative.format(-Math.floor(seconds / 86_400), "day");
  return new Intl.DateTimeFormat(current, { dateStyle: "medium" }).format(new Date(text));
}

/** For the test that holds both languages equal, and complete. */
export { WORDS };
