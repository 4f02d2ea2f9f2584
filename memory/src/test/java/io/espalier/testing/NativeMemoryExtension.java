package io.espalier.testing;

import io.espalier.memory.NativeMemory;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives each test that asks for a {@link NativeMemory} one of its own, in debug mode, and closes it
 * after the test, which fails the test if a lease is still out and says who took it.
 */
public final class NativeMemoryExtension implements ParameterResolver {

    private static final Namespace NAMESPACE = Namespace.create(NativeMemoryExtension.class);

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == NativeMemory.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        // the store closes what it holds when the test ends
        return context.getStore(NAMESPACE)
                .computeIfAbsent(
                        NativeMemory.class,
                        key -> NativeMemory.open(NativeMemory.Options.defaults().withDebug(true)));
    }
}
