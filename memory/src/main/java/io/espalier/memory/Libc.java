package io.espalier.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Locale;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** How {@link SystemCalls} and {@link FileCalls} link native functions, and learn what failed. */
@SuppressWarnings("restricted") // the one place that links native functions
final class Libc {

    // their numbers are the same on these processors, and only there
    private static final Set<String> LINUX_PROCESSORS = Set.of("amd64", "aarch64", "riscv64");

    // error numbers that calls of both kinds give
    static final int EINTR = 4;
    static final int EINVAL = 22;

    /** What a call made by {@link #handle} leaves beside its result. */
    static final StructLayout CALL_STATE = Linker.Option.captureStateLayout();

    private static final VarHandle ERRNO =
            CALL_STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private static final ThreadLocal<MemorySegment> CALL_STATES =
            ThreadLocal.withInitial(() -> Arena.ofAuto().allocate(CALL_STATE));

    private static final boolean USABLE = isUsable();

    private Libc() {}

    private static boolean isUsable() {
        boolean linux =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).contains("linux");
        boolean known = LINUX_PROCESSORS.contains(System.getProperty("os.arch", ""));
        boolean wanted = Boolean.parseBoolean(System.getProperty("espalier.memory.native", "true"));
        if (!linux || !known || !wanted) {
            return false;
        }
        try {
            return pageBytes() == SizeClasses.PAGE_BYTES;
        } catch (RuntimeException e) {
            return false; // native access denied
        }
    }

    /** What {@code link} made; null where native functions cannot be used, or one is missing. */
    static <T> @Nullable T link(Supplier<T> link) {
        try {
            return USABLE ? link.get() : null;
        } catch (RuntimeException e) {
            // a libc without these names: the JDK-only way still works
            return null;
        }
    }

    /** What was linked, or an exception that says that nothing was. */
    static <T> T linked(@Nullable T handles) {
        if (handles == null) {
            throw new IllegalStateException("native calls are not available in this process");
        }
        return handles;
    }

    /** Room for a call's state: the thread's own, for an arena each time would be garbage. */
    static MemorySegment callState() {
        return CALL_STATES.get();
    }

    /** A function whose error number is kept in its first argument, a call state. */
    static MethodHandle handle(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        Linker.Option errno = Linker.Option.captureCallState("errno");
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor, errno);
    }

    /** The same without the error number, which costs objects: a call that fails is done again. */
    static MethodHandle plain(String name, FunctionDescriptor descriptor) {
        Linker linker = Linker.nativeLinker();
        return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }

    private static long pageBytes() {
        Linker linker = Linker.nativeLinker();
        MethodHandle getpagesize =
                linker.downcallHandle(
                        linker.defaultLookup().findOrThrow("getpagesize"),
                        FunctionDescriptor.of(ValueLayout.JAVA_INT));
        try {
            return (int) getpagesize.invokeExact();
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /** The error number of the last call that had this state. */
    static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    /** What a handle threw, as what may be thrown on. */
    static RuntimeException unexpected(Throwable e) {
        if (e instanceof RuntimeException runtime) {
            return runtime;
        }
        if (e instanceof Error error) {
            throw error;
        }
        return new IllegalStateException("native call failed", e);
    }
}
