-- A memory store as the first version wrote it: tables, two users, and what was kept of them.
PRAGMA application_id = 1095521133;
CREATE TABLE users (
    key TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    created REAL NOT NULL,
    remember_messages INTEGER NOT NULL,
    remember_profile INTEGER NOT NULL,
    personalize INTEGER NOT NULL,
    asked REAL
);
CREATE TABLE evidence (
    number INTEGER PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users(key) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    item TEXT,
    source TEXT NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX evidence_of ON evidence(user, time);
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    user TEXT NOT NULL REFERENCES users(key) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    slot TEXT NOT NULL,
    value TEXT NOT NULL,
    strength REAL NOT NULL,
    time REAL NOT NULL,
    superseded_by INTEGER REFERENCES entries(number) ON DELETE SET NULL
);
CREATE INDEX entries_of ON entries(user, kind, slot);
CREATE INDEX entries_superseded ON entries(superseded_by);
CREATE TABLE entry_evidence (
    entry INTEGER NOT NULL REFERENCES entries(number) ON DELETE CASCADE,
    evidence INTEGER NOT NULL REFERENCES evidence(number) ON DELETE CASCADE,
    PRIMARY KEY (entry, evidence)
) WITHOUT ROWID;
CREATE INDEX entry_evidence_of ON entry_evidence(evidence);
CREATE TRIGGER entry_without_evidence AFTER DELETE ON entry_evidence
WHEN NOT EXISTS (SELECT 1 FROM entry_evidence WHERE entry = OLD.entry)
BEGIN DELETE FROM entries WHERE number = OLD.entry; END;
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    user TEXT REFERENCES users(key) ON DELETE CASCADE,
    begun REAL NOT NULL,
    changed REAL NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX conversations_of ON conversations(user, changed);
CREATE TABLE turns (
    conversation TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    said TEXT NOT NULL,
    reply TEXT NOT NULL,
    items TEXT NOT NULL,
    time REAL NOT NULL,
    PRIMARY KEY (conversation, place)
) WITHOUT ROWID;
INSERT INTO users VALUES ('ann', '"ann"', 1.0, 1, 1, 1, 1.5), ('7', '7', 2.0, 0, 0, 1, NULL);
INSERT INTO evidence VALUES (1, 'ann', 'search', 'slow westerns', NULL, 'api', 10.0), (2, 'ann', 'like', '', '17', 'api', 20.0);
INSERT INTO entries VALUES (1, 'ann', 'item', '17', '17', 0.7, 20.0, NULL);
INSERT INTO entry_evidence VALUES (1, 2);
INSERT INTO conversations VALUES ('talk7', '7', 4000000000.0, 4000000000.0, '{"count": 3}');
INSERT INTO turns VALUES ('talk7', 0, '', '', '[10, 11]', 4000000000.0);
PRAGMA user_version = 1;
