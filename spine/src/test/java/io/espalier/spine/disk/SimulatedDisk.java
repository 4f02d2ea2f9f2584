package io.espalier.spine.disk;

import io.espalier.memory.Lease;
import io.espalier.memory.NativeMemory;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that keeps no more than a real one promises, and loses the rest from a seed.
 *
 * <p>Files are numbered bodies, and a folder's names refer to bodies. Both have two forms: what
 * programs see, and what has reached the medium. What a program does changes the first and is
 * remembered as pending; a sync carries it to the second. At a loss of power every pending write
 * arrives as a whole, in part (by 512-byte sectors, in any order), as garbage or not at all, and
 * each name refers to any of the bodies it has had since its folder was synced.
 *
 * <p>Every operation that changes something or syncs is a <em>step</em>. A test runs its scenario
 * once to count the steps and then once per step with something going wrong there.
 */
public final class SimulatedDisk implements Disk {

    /** What goes wrong at a step. */
    public enum Fault {
        /** The machine stops within the step: it throws {@link Crash}, and so does all after it. */
        CRASH,
        /** There is no room: a write is done in part, anything else not at all. */
        FULL,
        /** A sync fails, and what was pending is forgotten; other steps are done. */
        SYNC_FAILS,
        /** The step is refused for lack of permission. */
        DENIED
    }

    /**
     * The machine has stopped. Not an exception, so that no handler takes it for a failure of I/O.
     */
    public static final class Crash extends Error {
        private static final long serialVersionUID = 1;

        Crash() {
            super("the simulated machine has stopped");
        }
    }

    private final Random random;
    private final Map<String, SimulatedBody> seen = new TreeMap<>();
    private final Map<String, SimulatedBody> kept = new TreeMap<>();

    /** What each name has referred to since its folder was synced; null is nothing. */
    private final Map<String, List<@Nullable SimulatedBody>> history = new HashMap<>();

    private final TreeSet<String> folders = new TreeSet<>();
    private final Map<String, Integer> locks = new HashMap<>();
    private final Map<Long, Fault> faults = new HashMap<>();
    private long capacityBytes = Long.MAX_VALUE;
    private String limited = "";
    private long fileBytesMax = Long.MAX_VALUE;
    private boolean readOnly;
    private @Nullable Runnable meanwhile;
    private volatile Runnable beforeDiscard = () -> {};
    private int sparesMax;
    private final TreeSet<String> spares = new TreeSet<>();
    private long steps;
    private int generation;
    private boolean down;
    private final Map<Happened, Long> happened = new EnumMap<>(Happened.class);

    /** A disk without the folder. */
    public SimulatedDisk(long seed) {
        this.random = new Random(seed);
    }

    // ---- what a test does to the disk

    /** How often what has happened. */
    public synchronized Map<Happened, Long> happened() {
        return Map.copyOf(happened);
    }

    private void count(Happened what) {
        happened.merge(what, 1L, Long::sum);
    }

    /** How many steps there were. */
    public synchronized long steps() {
        return steps;
    }

    /** Lets something go wrong at a step, counted as {@link #steps} does, the next one being it. */
    public synchronized void failAt(long step, Fault fault) {
        faults.put(step, fault);
    }

    /** Lets something else happen right before the next step. */
    public synchronized void beforeNextStep(Runnable meanwhile) {
        this.meanwhile = meanwhile;
    }

    /** Lets something else happen right before a file of a store is given up. */
    public void beforeEachDiscard(Runnable check) {
        this.beforeDiscard = check;
    }

    /** How many files that are given up are kept to become others; none unless told. */
    public synchronized void setSparesMax(int count) {
        sparesMax = count;
    }

    /** Whether a file was given up, and is kept to become another. */
    public synchronized boolean isSpare(String name) {
        return spares.contains(name);
    }

    /** Forgets faults to come. */
    public synchronized void failNoMore() {
        faults.clear();
        readOnly = false;
        capacityBytes = Long.MAX_VALUE;
        fileBytesMax = Long.MAX_VALUE;
    }

    /** How many bytes all files may have. */
    public synchronized void setCapacityBytes(long capacityBytes) {
        this.capacityBytes = capacityBytes;
    }

    /** How many bytes a file whose name begins with {@code prefix} may have. */
    public synchronized void setFileBytesMax(String prefix, long fileBytesMax) {
        this.limited = prefix;
        this.fileBytesMax = fileBytesMax;
    }

    /** Whether all that changes something is refused. */
    public synchronized void setReadOnly(boolean readOnly) {
        this.readOnly = readOnly;
    }

    /** How many bytes all files have. */
    public synchronized long usedBytes() {
        return seen.values().stream().mapToLong(body -> body.seen.sizeBytes()).sum();
    }

    /** How many bytes of files whose names begin with {@code prefix} a loss of power may take. */
    public synchronized long unsyncedBytes(String prefix) {
        return seen.entrySet().stream()
                .filter(file -> file.getKey().startsWith(prefix))
                .map(Map.Entry::getValue)
                .mapToLong(body -> Math.max(0, body.seen.sizeBytes() - body.kept.sizeBytes()))
                .sum();
    }

    /** The names of all files. */
    public synchronized List<String> files() {
        return List.copyOf(seen.keySet());
    }

    /** What is in a file. */
    public synchronized byte[] bytes(String name) {
        return body(name).seen.copy();
    }

    /** Changes a file behind everybody's back, on the medium too. */
    public synchronized void setBytes(String name, byte[] bytes) {
        SimulatedBody body = seen.computeIfAbsent(name, n -> new SimulatedBody());
        kept.put(name, body);
        body.set(bytes);
    }

    /** Flips bits of a file, also on the medium; a second time, and it is as before. */
    public synchronized void rot(String name, int offset, int mask) {
        SimulatedBody body = body(name);
        body.seen.flip(offset, mask);
        if (offset < body.kept.sizeBytes()) {
            body.kept.flip(offset, mask);
        }
        count(Happened.BIT_ROTTED);
    }

    /** Takes a file away behind everybody's back. */
    public synchronized void lose(String name) {
        seen.remove(name);
        kept.remove(name);
    }

    /** All locks are forgotten, as by a network file system or somebody who deleted the file. */
    public synchronized void forgetLocks() {
        locks.clear();
    }

    /** Whoever uses the disk from here on finds that the machine has stopped. */
    public synchronized void goDown() {
        down = true;
    }

    /** The process dies, the machine goes on: nothing written is lost. */
    public synchronized void killProcess() {
        count(Happened.PROCESS_KILLED);
        restart();
    }

    /** The machine loses power: what was not synced is lost in part. */
    public synchronized void losePower() {
        count(Happened.POWER_LOST);
        for (SimulatedBody body : bodies()) {
            body.settle(random, this::count);
        }
        Map<String, SimulatedBody> after = new TreeMap<>(kept);
        for (Map.Entry<String, List<@Nullable SimulatedBody>> entry :
                new TreeMap<>(history).entrySet()) {
            List<@Nullable SimulatedBody> choices = entry.getValue();
            SimulatedBody chosen = choices.get(random.nextInt(choices.size()));
            if (chosen != seen.get(entry.getKey())) {
                count(Happened.NAME_LOST);
            }
            if (chosen == null) {
                after.remove(entry.getKey());
            } else {
                after.put(entry.getKey(), chosen);
            }
        }
        seen.clear();
        seen.putAll(after);
        kept.clear();
        kept.putAll(after);
        history.clear();
        restart();
    }

    private void restart() {
        locks.clear();
        spares.clear();
        faults.clear();
        down = false;
        generation++;
    }

    private List<SimulatedBody> bodies() {
        List<SimulatedBody> bodies = new ArrayList<>(seen.values());
        bodies.addAll(kept.values());
        history.values().forEach(list -> list.stream().filter(b -> b != null).forEach(bodies::add));
        return bodies.stream().distinct().toList();
    }

    // ---- what a program does with the disk

    private @Nullable Fault step(String name, boolean writes) throws IOException {
        checkUp();
        Runnable first = meanwhile;
        if (first != null) {
            meanwhile = null;
            first.run();
        }
        Fault fault = faults.remove(steps++);
        if (fault == Fault.CRASH) {
            count(Happened.CRASH);
            down = true;
        }
        if (!writes) {
            // a sync is refused in one way only
            if (fault == null || fault == Fault.CRASH) {
                return fault;
            }
            count(Happened.SYNC_FAILED);
            return Fault.SYNC_FAILS;
        }
        if (fault == Fault.DENIED || readOnly) {
            count(Happened.DENIED);
            throw new AccessDeniedException(describe(name));
        }
        return fault;
    }

    private void checkUp() {
        if (down) {
            throw new Crash();
        }
    }

    private void refuseIfFull(@Nullable Fault fault, String name) throws IOException {
        if (fault == Fault.FULL) {
            count(Happened.FULL);
            throw new DiskFullException(name + ": no room (simulated)");
        }
    }

    private SimulatedBody body(String name) {
        SimulatedBody body = seen.get(name);
        if (body == null) {
            throw new IllegalArgumentException("no file " + name + " in " + seen.keySet());
        }
        return body;
    }

    private void refer(String name, @Nullable SimulatedBody body) {
        history.computeIfAbsent(name, n -> new ArrayList<>(Arrays.asList(kept.get(n)))).add(body);
        if (body == null) {
            seen.remove(name);
        } else {
            seen.put(name, body);
        }
    }

    private static String folderOf(String name) {
        int slash = name.lastIndexOf('/');
        return slash < 0 ? "" : name.substring(0, slash);
    }

    @Override
    public String describe(String name) {
        return name.isEmpty() ? "/simulated" : "/simulated/" + name;
    }

    @Override
    public synchronized boolean exists(String name) {
        checkUp();
        return seen.containsKey(name) || folders.contains(name);
    }

    @Override
    public synchronized List<String> list(String folder) throws IOException {
        checkUp();
        if (!folders.contains(folder)) {
            throw new NoSuchFileException(describe(folder));
        }
        TreeSet<String> names = new TreeSet<>();
        for (String name : seen.keySet()) {
            if (folderOf(name).equals(folder)) {
                names.add(folder.isEmpty() ? name : name.substring(folder.length() + 1));
            }
        }
        for (String name : folders) {
            if (!name.isEmpty() && folderOf(name).equals(folder)) {
                names.add(name.substring(folder.isEmpty() ? 0 : folder.length() + 1) + "/");
            }
        }
        return List.copyOf(names);
    }

    @Override
    public synchronized void createFolder(String folder) throws IOException {
        if (folders.contains(folder)) {
            return;
        }
        Fault fault = step(folder, true);
        refuseIfFull(fault, folder);
        // folders are durable at once: losing one is losing the names in it, which are lost singly
        folders.add("");
        folders.add(folder);
        checkUp();
    }

    @Override
    public synchronized DiskFile create(String name) throws IOException {
        Fault fault = step(name, true);
        refuseIfFull(fault, name);
        if (seen.containsKey(name)) {
            throw new FileAlreadyExistsException(describe(name));
        }
        if (!folders.contains(folderOf(name))) {
            throw new NoSuchFileException(describe(name));
        }
        SimulatedBody body = new SimulatedBody();
        if (fault != Fault.CRASH || random.nextBoolean()) {
            refer(name, body);
        }
        checkUp();
        return new SimulatedFile(name, body, true, 0);
    }

    @Override
    public synchronized DiskFile createFromSpare(String name) throws IOException {
        String spare =
                spares.stream()
                        .filter(each -> folderOf(each).equals(folderOf(name)))
                        .findFirst()
                        .orElse("");
        SimulatedBody body = seen.get(spare);
        if (body == null || seen.containsKey(name)) {
            spares.remove(spare);
            return create(name);
        }
        Fault fault = step(name, true);
        refuseIfFull(fault, name);
        spares.remove(spare);
        if (fault != Fault.CRASH || random.nextBoolean()) {
            refer(name, body);
            refer(spare, null);
        }
        checkUp();
        count(Happened.FILE_REUSED);
        return new SimulatedFile(name, body, true, 0);
    }

    @Override
    public void spare(String name) throws IOException {
        synchronized (this) {
            if (spares.size() < sparesMax && seen.containsKey(name)) {
                spares.add(name);
                return;
            }
        }
        discard(name);
    }

    @Override
    public synchronized void dropSpares(boolean delete) {
        if (!delete) {
            // those of a process that was shut out are another's by now
            return;
        }
        for (String spare : spares) {
            if (seen.containsKey(spare)) {
                refer(spare, null);
            }
        }
        spares.clear();
    }

    @Override
    public synchronized DiskFile open(String name) throws IOException {
        checkUp();
        SimulatedBody body = seen.get(name);
        if (body == null) {
            throw new NoSuchFileException(describe(name));
        }
        return new SimulatedFile(name, body, false, body.seen.sizeBytes());
    }

    @Override
    public synchronized void rename(String source, String target) throws IOException {
        Fault fault = step(source, true);
        refuseIfFull(fault, source);
        SimulatedBody body = seen.get(source);
        if (body == null) {
            throw new NoSuchFileException(describe(source));
        }
        if (fault != Fault.CRASH || random.nextBoolean()) {
            refer(target, body);
            refer(source, null);
        }
        checkUp();
    }

    @Override
    public void discard(String name) throws IOException {
        beforeDiscard.run();
        delete(name);
    }

    @Override
    public synchronized void delete(String name) throws IOException {
        if (!seen.containsKey(name)) {
            checkUp();
            return;
        }
        Fault fault = step(name, true);
        if (fault != Fault.CRASH || random.nextBoolean()) {
            refer(name, null);
        }
        checkUp();
    }

    @Override
    public synchronized void syncFolder(String folder) throws IOException {
        Fault fault = step(folder, false);
        boolean fails = fault == Fault.SYNC_FAILS;
        for (String name : List.copyOf(history.keySet())) {
            if (!folderOf(name).equals(folder)) {
                continue;
            }
            if (fails || (fault == Fault.CRASH && random.nextBoolean())) {
                continue;
            }
            SimulatedBody body = seen.get(name);
            if (body == null) {
                kept.remove(name);
            } else {
                kept.put(name, body);
            }
            history.remove(name);
        }
        checkUp();
        if (fails) {
            throw new DiskSyncException(describe(folder) + " cannot be synced (simulated)");
        }
    }

    @Override
    public synchronized Lease map(NativeMemory memory, String name, long position, long sizeBytes)
            throws IOException {
        checkUp();
        SimulatedBody body = seen.get(name);
        if (body == null) {
            throw new NoSuchFileException(describe(name));
        }
        if (position + sizeBytes > body.seen.sizeBytes()) {
            throw new EOFException(describe(name) + " has " + body.seen.sizeBytes() + " bytes");
        }
        Lease lease = memory.allocate(Math.max(1, sizeBytes));
        MemorySegment.copy(
                MemorySegment.ofArray(body.seen.array()),
                position,
                memory.segment(),
                lease.offset(),
                sizeBytes);
        return lease;
    }

    @Override
    public synchronized DiskLock lock(String name, boolean shared, String owner)
            throws IOException {
        checkUp();
        int held = locks.getOrDefault(name, 0);
        if (held < 0 || (held > 0 && !shared)) {
            throw new LockHeldException(describe(name), "another process (simulated)");
        }
        if (!shared) {
            if (readOnly) {
                throw new AccessDeniedException(describe(name));
            }
            SimulatedBody body = seen.get(name);
            if (body == null) {
                body = new SimulatedBody();
                refer(name, body);
            }
            body.seen.set(owner.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        }
        locks.put(name, shared ? held + 1 : -1);
        return new SimulatedLock(name, shared, generation);
    }

    private final class SimulatedLock implements DiskLock {
        private final String name;
        private final boolean shared;
        private final int takenIn;
        private boolean open = true;

        SimulatedLock(String name, boolean shared, int takenIn) {
            this.name = name;
            this.shared = shared;
            this.takenIn = takenIn;
        }

        @Override
        public void close() {
            synchronized (SimulatedDisk.this) {
                if (!open || takenIn != generation || !locks.containsKey(name)) {
                    return;
                }
                open = false;
                if (shared) {
                    locks.merge(name, -1, Integer::sum);
                    return;
                }
                locks.remove(name);
                SimulatedBody body = seen.get(name);
                if (body != null) {
                    body.seen.set(new byte[0]);
                }
            }
        }
    }

    /** Nobody counts where there is always room. */
    private long freeBytes() {
        return capacityBytes == Long.MAX_VALUE ? capacityBytes : capacityBytes - usedBytes();
    }

    private final class SimulatedFile implements DiskFile {
        private final String name;
        private final SimulatedBody body;
        private final boolean writable;
        private final int openedIn = generation;
        private boolean open = true;

        /** Where what is appended goes; behind it may be what the file was before. */
        private int end;

        SimulatedFile(String name, SimulatedBody body, boolean writable, int end) {
            this.name = name;
            this.body = body;
            this.writable = writable;
            this.end = end;
        }

        private void check(boolean toWrite) throws IOException {
            checkUp();
            if (openedIn != generation) {
                throw new Crash();
            }
            if (!open || (toWrite && !writable)) {
                throw new IOException(name + " is not open for this");
            }
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public long sizeBytes() throws IOException {
            synchronized (SimulatedDisk.this) {
                check(false);
                return writable ? end : body.seen.sizeBytes();
            }
        }

        @Override
        public void append(ByteBuffer source) throws IOException {
            synchronized (SimulatedDisk.this) {
                check(true);
                Fault fault = step(name, true);
                byte[] bytes = new byte[source.remaining()];
                source.get(bytes);
                int over = Math.min(bytes.length, body.seen.sizeBytes() - end);
                if (bytes.length - over > freeBytes()) {
                    dropSpares(true);
                }
                long free = Math.max(freeBytes(), freeBytes() + over);
                if (name.startsWith(limited)) {
                    free = Math.min(free, fileBytesMax - end);
                }
                boolean full = fault == Fault.FULL || bytes.length > free;
                if (full || fault == Fault.CRASH) {
                    int room = Math.clamp(free, 0, bytes.length);
                    int done = Math.min(room, random.nextInt(bytes.length + 1));
                    bytes = Arrays.copyOf(bytes, done);
                }
                body.write(end, bytes);
                end += bytes.length;
                checkUp();
                refuseIfFull(full ? Fault.FULL : null, name);
            }
        }

        @Override
        public void truncate(long sizeBytes) throws IOException {
            synchronized (SimulatedDisk.this) {
                check(true);
                Fault fault = step(name, true);
                if (fault != Fault.CRASH || random.nextBoolean()) {
                    body.truncate((int) sizeBytes);
                }
                end = (int) sizeBytes;
                checkUp();
            }
        }

        @Override
        public void sync() throws IOException {
            synchronized (SimulatedDisk.this) {
                check(true);
                Fault fault = step(name, false);
                if (fault == Fault.SYNC_FAILS) {
                    // the system drops what it could not write, and goes on showing it
                    body.pending.clear();
                    throw new DiskSyncException(describe(name) + " cannot be synced (simulated)");
                }
                if (fault == Fault.CRASH && random.nextBoolean()) {
                    throw new Crash();
                }
                if (body.seen.sizeBytes() > end) {
                    body.truncate(end);
                }
                body.sync();
                checkUp();
            }
        }

        @Override
        public int read(long position, ByteBuffer target) throws IOException {
            synchronized (SimulatedDisk.this) {
                check(false);
                int count = Math.clamp(body.seen.sizeBytes() - position, 0, target.remaining());
                if (count > 0) {
                    target.put(body.seen.array(), (int) position, count);
                }
                return count;
            }
        }

        @Override
        public void close() throws IOException {
            open = false;
        }
    }
}
